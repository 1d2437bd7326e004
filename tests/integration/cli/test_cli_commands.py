"""The commands as processes, on the real engine with the demo model."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Assistant, Ran, alive, embedded

CHECK_KEYS = {"name", "ok", "detail", "fix", "ms"}


def wait_for_engine(assistant: Assistant, seconds: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        engine: dict[str, Any] = assistant.run("status", "--json").json["engine"]
        if engine["running"]:
            return engine
    raise AssertionError("the engine did not start")


# --- the contract of --json, for each command that reports


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["status"], {"server", "models", "engine", "config", "logs", "ollama", "warnings"}),
        (
            ["models"],
            {"models", "answers", "preset", "machine", "server", "own_names", "disk", "problem"},
        ),
        (["config"], {"settings", "files"}),
        (["config", "show"], {"settings", "files"}),
        (["config", "path"], {"path", "exists"}),
        (["config", "validate"], {"files", "problems"}),
        (["logs"], {"directory", "files", "elsewhere"}),
        (["uninstall", "--dry-run"], {"dry_run", "changed", "items"}),
        (["pull", "assistant-demo"], {"models", "results"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_json_contract(shared: Assistant, arguments: list[str], keys: set[str]) -> None:
    done = shared.run(*arguments, "--json")
    assert done.code == 0, done.out + done.err
    lines = done.out.splitlines()
    assert len(lines) == 1 or arguments[0] == "pull"
    assert set(done.json) == {"schema", "ok"} | keys
    assert done.json["schema"] == 1
    assert done.json["ok"] is True


@pytest.fixture(scope="module")
def smoked(shared: Assistant) -> Ran:
    """A smoke run, after which the demo model is in memory."""
    return shared.run("smoke", "--json")


def test_smoke(smoked: Ran) -> None:
    done = smoked
    assert done.code == 0, done.out + done.err
    checks = done.json["checks"]
    assert [check["name"] for check in checks] == [
        "server", "chat", "completion", "embedding", "magic"
    ]  # fmt: skip
    for check in checks:
        assert set(check) == CHECK_KEYS
        assert check["ok"] is True, check
        assert check["fix"] is None
        assert math.isfinite(check["ms"])
        assert check["ms"] > 0


def test_smoke_without_a_server_fails_with_the_fix(assistant: Assistant) -> None:
    assistant.config.write_text('[server]\nkind = "ollama"\nurl = "http://127.0.0.1:9"\n')
    assistant.env["PATH"] = str(assistant.home)
    done = assistant.run("smoke", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert not any(check["ok"] for check in done.json["checks"])
    assert done.json["checks"][0]["fix"]
    shown = assistant.run("smoke")
    assert shown.code == 1
    assert "Fix: " in shown.out


# --- status


def test_status_starts_nothing(assistant: Assistant) -> None:
    embedded(assistant)
    done = assistant.run("status", "--json")
    assert done.code == 0, done.out
    assert done.json["server"]["state"] == "idle"
    assert done.json["engine"]["running"] is False
    assert not (assistant.data / "run").exists()


def test_status_names_the_server_and_each_model(shared: Assistant, smoked: Ran) -> None:
    assert smoked.code == 0
    found = shared.run("status", "--json").json
    assert found["server"]["kind"] == "embedded"
    assert found["engine"]["loaded"] == ["assistant-demo:latest"]
    assert set(found["models"]) == {"chat", "completion", "embedding"}
    for model in found["models"].values():
        assert model["model"].startswith("assistant-demo")
        assert "jupyter assistant pull" in model["notice"]
    shown = shared.run("status").out
    assert "assistant-demo" in shown
    assert "\x1b" not in shown


def test_status_reports_a_broken_file(assistant: Assistant) -> None:
    assistant.config.write_text('[server]\nknid = "embedded"\n')
    done = assistant.run("status", "--json")
    assert done.code == 1
    assert "line 2" in done.json["config"]["problems"][0]


# --- config


def test_a_typo_is_said_with_file_line_and_nearest_key(assistant: Assistant) -> None:
    assistant.config.write_text('[server]\nkind = "embedded"\n[models]\npresett = "demo"\n')
    for command in (["config", "validate"], ["config", "show"], ["use", "x"], ["install"]):
        done = assistant.run(*command)
        assert done.code == 1, command
        assert "assistant.toml, line 4" in done.err
        assert '"preset"' in done.err
        assert "Fix: " in done.err


def test_validate_says_all_problems(assistant: Assistant) -> None:
    assistant.config.write_text('[server]\nkind = "x"\n[engine]\nport = "y"\n')
    done = assistant.run("config", "validate", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert len(done.json["problems"]) == 2


def test_show_says_what_set_each_value(assistant: Assistant) -> None:
    embedded(assistant)
    project = assistant.home / "project"
    project.mkdir()
    (project / "assistant.toml").write_text("[chat]\ntemperature = 0.5\n")
    settings = {
        item["key"]: item
        for item in assistant.run("config", "show", "--json", cwd=project).json["settings"]
    }
    assert settings["server.kind"]["value"] == "embedded"
    assert settings["server.kind"]["source"].endswith("assistant.toml:2")
    assert settings["chat.temperature"] == {
        "key": "chat.temperature",
        "value": 0.5,
        "source": f"{project / 'assistant.toml'}:2",
    }
    assert settings["engine.port"]["source"] == "default"


def test_edit_checks_what_the_editor_left(assistant: Assistant) -> None:
    editor = assistant.home / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'a').write('[nonsense]\\nx = 1\\n')")
    assistant.env |= {"VISUAL": "", "EDITOR": f"python3 {editor}"}
    done = assistant.run("config", "edit")
    assert done.code == 1
    assert "nonsense" in done.err
    assistant.env["EDITOR"] = ""
    assert "VISUAL nor EDITOR" in assistant.run("config", "edit").err
    assistant.env["EDITOR"] = "no-such-editor"
    assert "cannot be started" in assistant.run("config", "edit").err


# --- use


def test_use_refuses_an_unknown_model(assistant: Assistant) -> None:
    embedded(assistant)
    before = assistant.config.read_bytes()
    done = assistant.run("use", "assistant-dmeo")
    assert done.code == 1
    assert "assistant-demo" in done.err
    assert "jupyter assistant pull assistant-dmeo" in done.err
    assert assistant.config.read_bytes() == before


def test_use_says_old_and_new_and_keeps_comments(assistant: Assistant) -> None:
    embedded(assistant, "# mine\n")
    done = assistant.run("use", "assistant-demo", "--for", "completion")
    assert done.code == 0, done.err
    assert "completion: the preset auto → assistant-demo" in done.out
    text = assistant.config.read_text()
    assert "# mine" in text
    assert 'completion = "assistant-demo"' in text
    again = assistant.run("use", "assistant-demo", "--for", "completion", "--json").json
    assert again == {
        "schema": 1,
        "ok": True,
        "role": "completion",
        "model": "assistant-demo",
        "before": "assistant-demo",
        "file": str(assistant.config),
        "server": again["server"],
        "unloaded": [],
        "notices": [],
    }


def test_use_takes_a_gguf_from_the_current_folder(assistant: Assistant) -> None:
    from local_assistant import paths

    embedded(assistant)
    file = assistant.home / "mine.gguf"
    file.write_bytes(paths.demo_gguf().read_bytes())
    done = assistant.run("use", "mine.gguf", "--json")
    assert done.code == 0, done.out
    assert done.json["model"] == str(file)
    assert str(file) in assistant.config.read_text()
    listed = {model["name"]: model for model in assistant.run("models", "--json").json["models"]}
    answering = [name for name, model in listed.items() if "chat" in model["roles"]]
    assert [name.startswith("file/mine") for name in answering] == [True]
    assert assistant.run("rm", answering[0], "--json").json["deleted"][0]["was_used_for"] == [
        "chat"
    ]
    assert file.is_file()


def test_use_refuses_a_file_that_is_no_model(assistant: Assistant) -> None:
    embedded(assistant)
    (assistant.home / "bad.gguf").write_bytes(b"not a model")
    done = assistant.run("use", "bad.gguf")
    assert done.code == 1
    assert "bad.gguf" in done.err
    assert assistant.run("use", "missing.gguf").code == 1
    assert "gguf" not in assistant.config.read_text()


# --- serve, stop


def test_serve_and_ctrl_c_leave_no_process(assistant: Assistant) -> None:
    embedded(assistant)
    process = assistant.start("serve", "--port", "0")
    assert wait_for_engine(assistant)["pid"] == process.pid
    second = assistant.run("serve")
    assert second.code == 1
    assert "running already" in second.err
    assert assistant.run("use", "assistant-demo").code == 0
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assistant.interrupt(process)
    process.communicate(timeout=30)
    assert process.returncode == 0
    deadline = time.monotonic() + 10
    while any(alive(int(child)) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(int(child)) for child in children)
    assert assistant.run("status", "--json").json["engine"]["running"] is False


def test_stop_ends_the_engine(assistant: Assistant) -> None:
    embedded(assistant)
    assert assistant.run("install").code == 0
    pid = assistant.run("status", "--json").json["engine"]["pid"]
    said = {"schema": 1, "ok": True, "stopped": True, "engine": True, "ollama": False}
    assert assistant.run("stop", "--json").json == said
    assert not alive(pid)
    assert "not running" in assistant.run("stop").out


def test_serve_without_a_token_stays_on_loopback(assistant: Assistant) -> None:
    done = assistant.run("serve", "--no-token", "--host", "0.0.0.0")
    assert done.code == 1
    assert "loopback" in done.err


# --- rm, pull


def test_rm_of_what_comes_with_the_package(shared: Assistant) -> None:
    done = shared.run("rm", "assistant-demo")
    assert done.code == 1
    assert "comes with the package" in done.err


def test_rm_of_a_stored_model(assistant: Assistant) -> None:
    from local_assistant import paths
    from local_assistant.engine.store.store import Store

    embedded(assistant)
    Store(assistant.data / "models").add_gguf("mine", paths.demo_gguf(), link=False)
    assert assistant.run("use", "mine").code == 0
    done = assistant.run("rm", "mine", "--json")
    assert done.code == 0, done.out
    assert done.json["deleted"][0]["was_used_for"] == ["chat"]
    gone = assistant.run("rm", "mine")
    assert gone.code == 1


def test_pull_of_an_unknown_name_fails_in_json_too(shared: Assistant) -> None:
    done = shared.run("pull", "no such name", "--json")
    assert done.code == 1
    assert json.loads(done.out.splitlines()[-1])["ok"] is False
