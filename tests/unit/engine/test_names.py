"""Ollama's name grammar, as tables: what a text means, what is no name, and where it runs."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from local_assistant.engine.store import names

LONG, HOST = "8" * 80, "3" * 350
LONGEST = f"{HOST}/{LONG}/{LONG}:{LONG}"
GOOD = [
    ("llama3.2", "registry.ollama.ai/library/llama3.2:latest", "llama3.2:latest"),
    ("llama3.2:1b", "registry.ollama.ai/library/llama3.2:1b", "llama3.2:1b"),
    ("user/m", "registry.ollama.ai/user/m:latest", "user/m:latest"),
    ("h/nn/mm:t", "h/nn/mm:t", "h/nn/mm:t"),
    ("hf.co/u/r:Q4_K_M", "hf.co/u/r:Q4_K_M", "hf.co/u/r:Q4_K_M"),
    ("hf.co/b/L-3.2-1B-GGUF", "hf.co/b/L-3.2-1B-GGUF:latest", "hf.co/b/L-3.2-1B-GGUF:latest"),
    ("localhost:5000/ns/m:t", "localhost:5000/ns/m:t", "localhost:5000/ns/m:t"),
    ("host:https/ns/m:t", "host:https/ns/m:t", "host:https/ns/m:t"),
    ("https://host.x/ns/m", "host.x/ns/m:latest", "host.x/ns/m:latest"),
    ("scheme://host:port/ns/m:t", "host:port/ns/m:t", "host:port/ns/m:t"),
    ("_a:_b", "registry.ollama.ai/library/_a:_b", "_a:_b"),
    ("_why/_the/_lucky:_stiff", "_why/_the/_lucky:_stiff", "_why/_the/_lucky:_stiff"),
    ("Registry.Ollama.AI/Library/m", "Registry.Ollama.AI/Library/m:latest", "m:latest"),
    ("registry.ollama.ai/other/m", "registry.ollama.ai/other/m:latest", "other/m:latest"),
    (LONGEST, LONGEST, LONGEST),
]  # fmt: skip
BAD = [
    "", " ", ":", "a:", ":b", "/a", "a/", "a//b", "host/ns/", "..", "../../etc/passwd", "a/../b",
    ".hidden", "-dash", "a b", "a\\b", "a\x00b", "ns.dot/m", "a:b:c", "a" * 81, "x/y/z/w",
    "a:" + "t" * 81, "é", "a@sha256:00", "hf.co/-u/r", "^", "@", "m@d", "//", "//mm", "hh//",
    "//mm:@", "00@", "-hh/nn/mm:tt", "hh/-nn/mm:tt", "hh/nn/-mm:tt", "hh/nn/mm:-tt",
    "host/name:space/model:tag", "https://m", "http://ns/m", " spaced", "spaced ",
    "4" * 351 + "/n/m", "a\n", "a:b\n",
]  # fmt: skip
REFS = [
    ("gpt-oss:20b:cloud", "gpt-oss:20b", names.CLOUD),
    ("gpt-oss:20b-cloud", "gpt-oss:20b", names.CLOUD),
    ("gpt-oss:20B-CLOUD", "gpt-oss:20B", names.CLOUD),
    ("qwen3:cloud", "qwen3:latest", names.CLOUD),
    ("qwen3:8b:local", "qwen3:8b", names.LOCAL),
    ("llama3.2", "llama3.2:latest", ""),
    ("  spaced ", "spaced:latest", ""),
    ("my-cloud-model", "my-cloud-model:latest", ""),
    ("localhost:5000/u/foo:cloud", "localhost:5000/u/foo:latest", names.CLOUD),
]


@pytest.mark.parametrize(("text", "full", "short"), GOOD)
def test_a_name_is_completed_and_shown_shortest(text: str, full: str, short: str) -> None:
    name = names.parse(text)
    assert (name.full, name.short) == (full, short)
    assert names.parse(short).key == name.key


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(names.InvalidName):
        names.parse(text)


@pytest.mark.parametrize(("text", "short", "source"), REFS)
def test_where_a_model_runs_is_said_by_its_ending(text: str, short: str, source: str) -> None:
    ref = names.parse_ref(text)
    assert (ref.name.short, ref.source) == (short, source)


@pytest.mark.parametrize("text", ["foo:cloud:local", "foo:local:cloud", "foo:20b-cloud:cloud"])
def test_two_endings_contradict_each_other(text: str) -> None:
    with pytest.raises(names.InvalidName, match="use either :local or :cloud"):
        names.parse_ref(text)


@pytest.mark.parametrize("text", ["", "  ", ":cloud", ":local", "foo:bar-cloud/baz"])
def test_an_ending_alone_is_no_name(text: str) -> None:
    with pytest.raises(names.InvalidName):
        names.parse_ref(text)


def test_case_does_not_make_another_name() -> None:
    assert names.parse("LLama:Latest").key == names.parse("llama").key


def test_the_scheme_is_kept_for_a_pull_but_makes_no_other_name() -> None:
    assert names.parse("http://h/n/m").scheme == "http"
    assert names.parse("http://h/n/m") == names.parse("h/n/m")


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("registry.ollama.ai/library/m/latest", "m:latest"),
        ("host/ns/model/TAG", "host/ns/model:TAG"),
        ("host/ns/model/.hidden", None),
        ("host/ns/model", None),
        ("host/ns/model/tag/one", None),
        ("../ns/model/tag", None),
    ],
)
def test_the_path_of_a_manifest_is_a_name(path: str, short: str | None) -> None:
    name = names.from_path(PurePosixPath(path))
    assert (name.short if name else None) == short


@pytest.mark.parametrize(
    ("colon", "folder"), [(":", "127.0.0.1:5000"), (";", "127.0.0.1;5000")]
)  # as elsewhere, and as on Windows, which takes no colon in a folder's name
def test_a_host_with_a_port_has_a_folder(
    monkeypatch: pytest.MonkeyPatch, colon: str, folder: str
) -> None:
    monkeypatch.setattr(names, "_COLON", colon)
    name = names.parse("127.0.0.1:5000/ns/m:t")
    assert name.path.parts == (folder, "ns", "m", "t")
    assert names.from_path(name.path) == name


def test_what_stands_for_the_colon_is_in_no_name() -> None:
    with pytest.raises(names.InvalidName):
        names.parse("127.0.0.1;5000/ns/m:t")
