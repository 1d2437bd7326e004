"""``pull``: what is shown and asked before, one summary after, lines for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant import paths
from tests.integration.cli.conftest import Assistant, at_terminal, embedded
from tests.integration.engine import tiny_gguf
from tests.integration.engine.registries import Registry, serving
from tests.integration.hub import Hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    served = Hub()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as served:
        yield served


@pytest.fixture
def command(assistant: Assistant, hub: Hub) -> Assistant:
    embedded(assistant)
    assistant.env["HF_ENDPOINT"] = hub.url
    return assistant


def test_several_in_sequence_with_one_summary(command: Assistant, registry: Registry) -> None:
    demo = paths.demo_gguf().read_bytes()
    good, bad = registry.add("good", demo), registry.add("bad", demo.replace(b"llama", b"zorgl"))
    wanted = [f"http://{registry.host}/library/none", f"http://{bad}", f"http://{good}"]
    done = command.run("pull", *wanted)
    assert done.code == 1
    assert f"Ready: {wanted[2]} (2.9 MB)" in done.out
    assert f"Not there: {wanted[0]}, {wanted[1]}" in done.out
    assert "has no model" in done.err
    assert "unknown model architecture" in done.err
    assert done.err.count("Fix: ") == 2
    again = command.run("pull", *wanted[1:], "--no-verify", "--json")
    assert again.code == 0, again.err
    assert [each["ok"] for each in again.json["results"]] == [True, True]
    lines = [json.loads(line) for line in again.out.splitlines()[:-1]]
    assert {line["name"] for line in lines} == set(wanted[1:])
    assert not any("test" in line["status"] for line in lines)
    done = command.run("pull", wanted[1], "--json")
    assert done.code == 1
    assert done.json["models"] == []
    (result,) = done.json["results"]
    assert result["error"] == done.json["error"]
    assert "there before" in result["error"]["message"]


def test_what_comes_has_the_fixed_names_at_once(command: Assistant, hub: Hub) -> None:
    """What was named and missing answers as soon as it is there: for Jupyter AI's parts, too."""
    hub.files["me/g"] = {"m-Q4_K_M.gguf": paths.demo_gguf().read_bytes()}
    embedded(command, '[models]\nchat = "hf.co/me/g"\n')
    done = command.run("pull", "hf.co/me/g")
    assert done.code == 0, done.err
    names = command.run("models", "--all", "--json").json["own_names"]
    assert "assistant-chat" in names


def test_a_registry_without_encryption_wants_a_word(command: Assistant, registry: Registry) -> None:
    name = registry.add("m", paths.demo_gguf().read_bytes())
    done = command.run("pull", name)
    assert done.code == 1
    assert "pull --insecure" in done.err
    assert command.run("pull", "--insecure", name).code == 0


def test_what_is_too_large_is_asked_for(command: Assistant, hub: Hub) -> None:
    hub.files["me/g"] = {"m-Q4_0.gguf": b"G"}
    hub.sizes["me/g"] = {"m-Q4_0.gguf": 10**15}
    done = command.run("pull", "hf.co/me/g")
    assert done.code == 1
    assert "too large for this machine" in done.err
    assert "pull --yes hf.co/me/g" in done.err
    code, shown = at_terminal(command, ["pull", "hf.co/me/g"], "n\n")
    assert code == 1
    assert "Download it all the same? [y/N]" in shown
    code, shown = at_terminal(command, ["pull", "hf.co/me/g"], "y\n")
    assert code == 1
    assert "GB of disk space" in shown
    command.env["JPY_PARENT_PID"] = "1"  # a notebook's cell: nobody could answer there
    code, shown = at_terminal(command, ["pull", "hf.co/me/g"], "y\n")
    assert code == 1
    assert "[y/N]" not in shown and "pull --yes hf.co/me/g" in shown
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


def test_what_a_repository_has_is_shown(command: Assistant, hub: Hub) -> None:
    demo = paths.demo_gguf().read_bytes()
    hub.files["me/g"] = {"m-Q8_0.gguf": demo, "m-Q4_K_M.gguf": demo}
    done = command.run("pull", "hf.co/me/g")
    assert done.code == 0, done.err
    assert "hf.co/me/g has:" in done.out
    assert "← this one" in done.out
    assert "jupyter assistant use hf.co/me/g" in done.out
    assert command.run("use", "hf.co/me/g").code == 0
    assert command.run("pull", "--list").code == 2
    done = command.run("pull", "--list", "hf.co/me/g:Q8_0", "hf.co/me/none")
    assert done.code == 1
    assert "Q8_0    2.9 MB  yes   ← this one" in done.out
    assert "no repository me/none" in done.err


def test_a_file_in_parts_by_its_path(command: Assistant, tmp_path: Path) -> None:
    tiny_gguf.write(tmp_path / "t.gguf", split=8)
    first = sorted(tmp_path.glob("t-*.gguf"))[0]
    done = command.run("pull", str(first))
    assert done.code == 0, done.err
    assert "llama, 115.78K parameters; F32" in done.out
    assert "3 files" in done.out
    used = command.run("use", str(first))
    assert used.code == 0, used.err
    assert "fills in the middle" in used.out
    first.unlink()
    done = command.run("pull", str(first))
    assert done.code == 1
    assert "There is no file" in done.err
