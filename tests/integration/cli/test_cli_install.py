"""install and uninstall: idempotent, interruptible, undone to the byte."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.integration.cli.conftest import ROOT, Assistant, alive, at_terminal, embedded, fill
from tests.waiting import until

PERSONA = "etc/jupyter/jupyter_jupyter_ai_persona_manager_config.json"


def snapshot(*roots: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for root in roots
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def settled(assistant: Assistant) -> dict[str, bytes]:
    """Everything that install writes; not what the running engine does with its own files."""
    places = (assistant.prefix, assistant.config.parent, assistant.data / "state")
    return snapshot(*places)


def test_a_second_install_changes_nothing(assistant: Assistant) -> None:
    first = assistant.run("install", "--json")
    assert first.code == 0, first.err
    steps = [step["name"] for step in first.json["steps"]]
    assert steps == ["config", "drop-ins", "settings", "server", "models", "names", "jupyter-ai"]
    assert first.json["changed"] is True
    assert first.json["next"]
    before = settled(assistant)
    second = assistant.run("install", "--json")
    assert second.code == 0, second.err
    assert second.json["changed"] is False
    assert [step["changed"] for step in second.json["steps"]] == [False] * 7
    assert settled(assistant) == before


def test_install_says_what_answers_and_never_downloads_unasked(assistant: Assistant) -> None:
    embedded(assistant)
    done = assistant.run("install")
    assert done.code == 0, done.err
    assert "jupyter assistant pull" in done.out
    assert "demo" in done.out
    models = assistant.run("models", "--json").json["models"]
    assert [model["name"] for model in models if model["installed"]] == ["assistant-demo"]


def test_a_preset_that_is_asked_for_decides_for_all_roles(assistant: Assistant) -> None:
    """As ``use PRESET`` does; what stood in the file is said."""
    embedded(assistant, '[models]\npreset = "small"\nchat = "other"\n')
    done = assistant.run("install", "--preset", "demo")
    assert done.code == 0, done.err
    assert "preset = demo, chat no longer other" in done.out
    assert "other" not in assistant.config.read_text()


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_is_asked_with_the_size(assistant: Assistant, quiet: bool) -> None:
    embedded(assistant, '[models]\npreset = "small"\n')
    # Would fail at once, were the "no" not heard.
    assistant.env["HF_ENDPOINT"] = assistant.env["HTTPS_PROXY"] = "http://127.0.0.1:9"
    code, shown = at_terminal(assistant, ["install", *(["--quiet"] if quiet else [])], "n\n")
    assert code == 0, shown
    assert ("Download 1.3 GB: qwen2.5-coder:1.5b, nomic-embed-text? [y/N]" in shown) is not quiet
    code, shown = at_terminal(assistant, ["pull"], "y\n")
    assert code == 1
    assert "cannot be reached" in shown


def test_install_in_a_checkout_names_make(assistant: Assistant) -> None:
    embedded(assistant)
    assistant.env["LOCAL_ASSISTANT_CHECKOUT"] = str(assistant.home)
    assert "make lab" in assistant.run("install").out


def test_install_after_ctrl_c_goes_on(assistant: Assistant) -> None:
    process = assistant.start("install")
    record = assistant.data / "state" / "install.json"
    deadline = time.monotonic() + 30
    while not record.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    assistant.interrupt(process)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Run the same command again" in err
    again = assistant.run("install", "--json")
    assert again.code == 0, again.out + again.err
    assert assistant.run("install", "--json").json["changed"] is False


def test_missing_drop_ins_are_said(assistant: Assistant) -> None:
    (assistant.prefix / "etc/ipython/startup/zz-local-assistant.py").unlink()
    done = assistant.run("install")
    assert done.code == 1
    assert "zz-local-assistant.py is missing" in done.err
    assert "pip install --force-reinstall" in done.err


def test_uninstall_restores_a_shared_file_byte_for_byte(assistant: Assistant) -> None:
    shared = assistant.prefix / PERSONA
    shared.write_bytes(b'{"PersonaManager":\r\n  {"other": [1,2]}}')
    before = snapshot(assistant.prefix)
    assert assistant.run("install").code == 0
    changed = json.loads(shared.read_text())["PersonaManager"]
    assert changed["other"] == [1, 2]
    assert changed["default_persona_id"].endswith("LocalAssistantPersona")
    pid = assistant.run("status", "--json").json["engine"]["pid"]

    listed = assistant.run("uninstall", "--dry-run", "--json").json
    assert listed["dry_run"] is True
    assert listed["changed"] is False
    assert {item["id"] for item in listed["items"]} >= {"settings", "engine", "config", "logs"}
    assert shared.read_bytes() != before[str(shared)]
    assert assistant.run("status", "--json").json["engine"]["pid"] == pid

    done = assistant.run("uninstall", "--json")
    assert done.code == 0, done.err
    assert done.json["items"] == listed["items"]
    assert snapshot(assistant.prefix) == before
    assert not assistant.config.exists()
    assert not assistant.data.exists()
    assert not alive(pid)
    again = assistant.run("uninstall", "--json").json
    assert [item["action"] for item in again["items"]] == ["kept"]


STAND_IN = ROOT / "tests" / "integration" / "server" / "stand_in_ollama.py"


def test_uninstall_stops_an_ollama_that_we_started(assistant: Assistant) -> None:
    binary = assistant.home / "bin" / "ollama"
    binary.parent.mkdir()
    binary.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
    binary.chmod(0o755)
    assistant.env["PATH"] = f"{binary.parent}{os.pathsep}{os.environ['PATH']}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assistant.config.write_text(f'[server]\nurl = "http://127.0.0.1:{port}"\n')
    steps = {step["name"]: step for step in assistant.run("install", "--json").json["steps"]}
    assert steps["server"]["changed"] is True
    assert steps["server"]["detail"].startswith("ollama 0.33.0")
    pid = json.loads((assistant.data / "state" / "ollama.json").read_text())["pid"]
    assert alive(pid)
    again = {step["name"]: step for step in assistant.run("install", "--json").json["steps"]}
    assert again["server"]["changed"] is False
    assistant.run("uninstall", "--dry-run")
    assert alive(pid)
    items = {item["id"]: item for item in assistant.run("uninstall", "--json").json["items"]}
    assert items["ollama"]["action"] == "stopped"
    assert not alive(pid)


def test_uninstall_ends_an_engine_that_does_not_answer(assistant: Assistant) -> None:
    embedded(assistant)
    assistant.run("install")
    pid = assistant.run("status", "--json").json["engine"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "would stop" in assistant.run("uninstall", "--dry-run").out
        assistant.run("uninstall")
        assert not alive(pid)
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_uninstall_keeps_settings_of_the_user_and_says_so(assistant: Assistant) -> None:
    assert assistant.run("install").code == 0
    text = assistant.config.read_text().replace('kind = "auto"', 'kind = "embedded"')
    assistant.config.write_text(text)
    done = assistant.run("uninstall")
    assert done.code == 0
    assert f"kept {assistant.config}" in done.out
    assert assistant.config.read_text() == text


def test_another_environment_keeps_what_is_shared(assistant: Assistant) -> None:
    assert assistant.run("install").code == 0
    first = assistant.prefix
    pid = assistant.run("status", "--json").json["engine"]["pid"]
    # The same user's second environment.
    assistant.prefix = first.with_name("second")
    fill(assistant.prefix)
    assert assistant.run("install").code == 0
    done = assistant.run("uninstall", "--json").json
    assert not (assistant.prefix / PERSONA).exists()
    kept = [item for item in done["items"] if item["id"] == "state"]
    assert kept[0]["action"] == "kept"
    assert str(first) in kept[0]["detail"]
    assert (first / PERSONA).exists()
    assert assistant.config.exists()
    assert assistant.run("status", "--json").json["engine"]["pid"] == pid
    # The last one takes everything along.
    assistant.prefix = first
    assert assistant.run("uninstall").code == 0
    assert not (first / PERSONA).exists()
    assert not assistant.data.exists()


def test_links_of_the_user_stay_and_what_is_behind_them_is_as_before(assistant: Assistant) -> None:
    disk = assistant.home / "disk"
    for name in ("data", "models", "prefix"):
        (disk / name).mkdir(parents=True)
    assistant.data.symlink_to(disk / "data")
    (disk / "data" / "models").symlink_to(disk / "models")
    assistant.config.symlink_to(disk / "assistant.toml")  # of a folder of dotfiles, say
    fill(disk / "prefix")
    real, assistant.prefix = disk / "prefix", assistant.home / "link"
    assistant.prefix.symlink_to(real)
    before = snapshot(assistant.home)
    assert assistant.run("install").code == 0
    assert (disk / "assistant.toml").exists()
    (disk / "models" / "theirs").write_text("a model of another program's")
    (disk / "data" / "learned").mkdir()
    (disk / "data" / "learned" / "x.sqlite").write_text("passages")
    # The same environment, by its other name.
    assistant.prefix = real
    done = assistant.run("uninstall", "--models")
    assert done.code == 0, done.err
    assert "behind a link" in done.out
    assert assistant.config.is_symlink()
    assert (disk / "models" / "theirs").exists()
    (disk / "models" / "theirs").unlink()
    assert assistant.run("uninstall", "--models").code == 0
    assert snapshot(assistant.home) == before
    assert [each.name for each in (disk / "data").iterdir()] == ["models"]
    assert list((disk / "models").iterdir()) == []


def test_an_engine_that_is_starting_does_not_outlive_uninstall(assistant: Assistant) -> None:
    embedded(assistant)
    assert assistant.run("install").code == 0
    pid = assistant.run("status", "--json").json["engine"]["pid"]
    # As while it starts: it holds the lock, and its run file comes a little later.
    (run_file,) = (assistant.data / "run").glob("*.json")
    os.kill(pid, signal.SIGSTOP)  # else it writes the file again within two seconds
    there = run_file.rename(assistant.home / "later")
    process = assistant.start("uninstall")
    try:
        until(lambda: not (assistant.prefix / PERSONA).exists())
        there.rename(run_file)
        os.kill(pid, signal.SIGCONT)
        assert process.wait(60) == 0
        assert not alive(pid)
        assert not assistant.data.exists()
    finally:
        process.kill()
        process.wait()
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_data_directory_that_cannot_be_written(assistant: Assistant) -> None:
    # A file in its place: root, whom tests may run as, writes into read-only directories.
    assistant.data.write_text("")
    done = assistant.run("install")
    assert done.code == 1
    assert str(assistant.data) in done.err
    assert "LOCAL_ASSISTANT_HOME" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", ["install", "use", "smoke"])
def test_a_full_disk(assistant: Assistant, command: str) -> None:
    embedded(assistant)
    before = settled(assistant)
    arguments = [command, "assistant-demo"] if command == "use" else [command]
    done = assistant.run(*arguments, disk_full=True)
    assert done.code == 1
    assert "Fix: " in done.out + done.err
    assert "Traceback" not in done.out + done.err
    # No half-written file, and none of the temporary ones.
    after = settled(assistant)
    assert {name: after[name] for name in before} == before
    assert [name for name in after if "/." in name.removeprefix(str(assistant.home))] == []
    assert assistant.run(*arguments).code == 0


def test_a_read_only_data_directory(assistant: Assistant) -> None:
    # Not even root, whom tests may run as, can write there.
    assistant.env["LOCAL_ASSISTANT_HOME"] = "/proc/assistant"
    embedded(assistant)
    for arguments in (["install"], ["use", "assistant-demo"], ["smoke"]):
        done = assistant.run(*arguments)
        assert done.code == 1, arguments
        assert "/proc/assistant" in done.out + done.err
        assert "LOCAL_ASSISTANT_HOME" in done.out + done.err
        assert "Traceback" not in done.out + done.err
    assert assistant.run("status").code == 0


def test_no_network_is_said_and_the_rest_is_done(assistant: Assistant) -> None:
    embedded(assistant)
    assistant.env["HF_ENDPOINT"] = assistant.env["HTTPS_PROXY"] = "http://127.0.0.1:9"
    done = assistant.run("install", "--preset", "small")
    assert done.code == 1
    assert "127.0.0.1:9 cannot be reached" in done.err
    assert 'preset = "small"' in assistant.config.read_text()
    # The demo model goes on answering, and a run without a yes is content with that.
    again = assistant.run("install", "--json")
    assert again.code == 0
    assert [step["name"] for step in again.json["steps"] if step["changed"]] == ["names"]
    assert "jupyter assistant pull" in again.json["steps"][4]["detail"]


def test_a_broken_shared_file_is_left_alone(assistant: Assistant) -> None:
    (assistant.prefix / PERSONA).write_text("{broken")
    done = assistant.run("install")
    assert done.code == 1
    assert "left as it is" in done.err
    assert (assistant.prefix / PERSONA).read_text() == "{broken"
    (assistant.prefix / PERSONA).unlink()
    assistant.run("install")
    (assistant.prefix / PERSONA).write_text("{broken")
    done = assistant.run("uninstall")
    assert done.code == 1
    assert "run the same command again" in done.err


@pytest.mark.parametrize("arguments", [("install",), ("uninstall",)])
def test_a_damaged_record_is_refused(assistant: Assistant, arguments: tuple[str, ...]) -> None:
    record = assistant.data / "state" / "install.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    done = assistant.run(*arguments)
    assert done.code == 1
    assert "Move that file away" in done.err
    assert record.read_text() == "{}"
