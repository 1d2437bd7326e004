"""Ollama's name grammar, as a table."""

from __future__ import annotations

import pytest

from local_assistant.engine import names

GOOD = [
    ("llama3.2", "registry.ollama.ai/library/llama3.2:latest", "llama3.2:latest"),
    ("llama3.2:1b", "registry.ollama.ai/library/llama3.2:1b", "llama3.2:1b"),
    ("  spaced ", "registry.ollama.ai/library/spaced:latest", "spaced:latest"),
    ("user/m", "registry.ollama.ai/user/m:latest", "user/m:latest"),
    ("hf.co/u/r:Q4_K_M", "hf.co/u/r:Q4_K_M", "hf.co/u/r:Q4_K_M"),
    ("hf.co/b/L-3.2-1B-GGUF", "hf.co/b/L-3.2-1B-GGUF:latest", "hf.co/b/L-3.2-1B-GGUF:latest"),
    ("localhost:5000/ns/m:t", "localhost:5000/ns/m:t", "localhost:5000/ns/m:t"),
    ("https://host.x/ns/m", "host.x/ns/m:latest", "host.x/ns/m:latest"),
    ("_a:_b", "registry.ollama.ai/library/_a:_b", "_a:_b"),
    ("a" * 80, f"registry.ollama.ai/library/{'a' * 80}:latest", f"{'a' * 80}:latest"),
]  # fmt: skip
BAD = [
    "", " ", ":", "a:", ":b", "/a", "a/", "a//b", "host/ns/", "..", "../../etc/passwd", "a/../b",
    ".hidden", "-dash", "a b", "a\\b", "a\x00b", "ns.dot/m", "a:b:c", "a" * 81, "x/y/z/w",
    "a:" + "t" * 81, "é", "a@sha256:00", "hf.co/-u/r",
]  # fmt: skip


@pytest.mark.parametrize(("text", "full", "short"), GOOD)
def test_a_name_is_completed_and_shown_shortest(text: str, full: str, short: str) -> None:
    name = names.parse(text)
    assert (name.full, name.short) == (full, short)
    assert names.parse(short) == name


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(names.InvalidName):
        names.parse(text)


def test_case_does_not_make_another_name() -> None:
    assert names.parse("LLama:Latest").key == names.parse("llama").key
