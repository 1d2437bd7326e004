"""The whole doctor as a process: green where all is well, and what each fault looks like.

The unit tests hold each check against injected readings; here they meet the real engine, real
files and a real second interpreter.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_assistant.setup.doctor import registered
from tests.integration.cli.conftest import TIMEOUT_S, Assistant, alive, embedded, make_assistant

NAMES = [check.name for check in registered()]
PERSONA = "etc/jupyter/jupyter_jupyter_ai_persona_manager_config.json"


def healthy(home: Path) -> Assistant:
    """Return an installed assistant with the engine as its server and one kernel."""
    made = make_assistant(home)
    embedded(made)
    kernel = made.prefix / "share/jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "language": "python"}))
    done = made.run("install")
    assert done.code == 0, done.err
    return made


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    """One installation for all tests that leave it as it is."""
    made = healthy(tmp_path_factory.mktemp("doctor"))
    yield made
    made.run("stop")


def examined(assistant: Assistant, *arguments: str, **env: str) -> dict[str, Any]:
    """Run the doctor; return its object with the checks by name."""
    before = dict(assistant.env)
    assistant.env |= env
    done = assistant.run("doctor", "--json", *arguments)
    assistant.env = before
    assert done.err == "", done.err
    found = done.json
    assert found["ok"] is all(check["ok"] for check in found["checks"])
    assert done.code == (0 if found["ok"] else 1)
    assert [check["name"] for check in found["checks"]] == NAMES
    found["checks"] = {check["name"]: check for check in found["checks"]}
    return found


def failing(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    wrong = {name: check for name, check in found["checks"].items() if not check["ok"]}
    assert all(check["fix"] for check in wrong.values()), wrong
    return wrong


def test_a_good_installation_is_green(installed: Assistant) -> None:
    found = examined(installed)
    assert failing(found) == {}
    for check in found["checks"].values():
        assert set(check) == {"name", "ok", "detail", "fix", "ms"}
        assert check["detail"]
        assert check["fix"] is None
        assert check["ms"] >= 0
    checks = found["checks"]
    assert "python3" in checks["kernels"]["detail"]
    assert "streamed" in checks["chat"]["detail"]
    assert "filled in" in checks["completion"]["detail"]
    assert "vectors of" in checks["embedding"]["detail"]
    assert "is loaded" not in checks["contexts"]["detail"]


def test_the_text_says_each_check_in_order(installed: Assistant) -> None:
    done = installed.run("doctor")
    assert done.code == 0, done.out
    *lines, last = done.out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert last == f"All {len(NAMES)} checks are fine."
    assert all(line.split()[1] == "ok" for line in lines)
    assert "Traceback" not in done.err


def test_nothing_to_mend_changes_nothing(installed: Assistant) -> None:
    found = examined(installed, "--fix")
    assert found["fixed"] == []
    assert failing(found) == {}


def test_threads_import_nothing_of_ours(installed: Assistant) -> None:
    """Two that import a package and a part of it at the same time would stop each other."""
    assert failing(examined(installed)) == {}, "the engine runs: all checks look at something"
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("doctor_imports.py"))],
        env=installed.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "env", "said", "fix"),
    [
        ("proxies", {"HTTP_PROXY": "http://127.0.0.1:9"}, "to a proxy", "NO_PROXY"),
        ("certificates", {"SSL_CERT_FILE": "/nowhere.pem"}, "/nowhere.pem", "unset SSL_CERT_FILE"),
        ("hub", {"HF_ENDPOINT": "mirror"}, "'mirror'", "unset HF_ENDPOINT"),
    ],
)
def test_a_variable_that_is_wrong(
    installed: Assistant, name: str, env: dict[str, str], said: str, fix: str
) -> None:
    wrong = failing(examined(installed, **env))
    assert list(wrong) == [name]
    assert said in wrong[name]["detail"]
    assert fix in wrong[name]["fix"]


def test_a_failing_check_ends_with_its_command(installed: Assistant) -> None:
    installed.env["HF_ENDPOINT"] = "mirror"
    try:
        done = installed.run("doctor")
    finally:
        del installed.env["HF_ENDPOINT"]
    assert done.code == 1
    lines = done.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("hub "))
    assert "FAILED" in lines[at]
    assert lines[at + 1].split("Fix: ")[1].startswith("unset HF_ENDPOINT")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Assistant]:
    """An installation of this test alone."""
    made = healthy(tmp_path)
    yield made
    made.run("stop")


def engine_of(assistant: Assistant) -> tuple[Path, dict[str, Any]]:
    (file,) = run_files(assistant)
    return file, json.loads(file.read_text())


def run_files(assistant: Assistant) -> list[Path]:
    return list((assistant.data / "run").glob("engine-*.json"))


OLDER = """
import sys, local_assistant
local_assistant.__version__ = "0.0.1"
from local_assistant.engine.__main__ import main
sys.exit(main(["--port", "0"]))
"""


@pytest.fixture
def older(own: Assistant) -> Iterator[subprocess.Popen[bytes]]:
    """In place of the engine, one that was started by an earlier version."""
    own.run("stop")
    process = subprocess.Popen([sys.executable, "-c", OLDER], env=own.environment())
    while not any(str(process.pid) in file.read_text() for file in run_files(own)):
        assert process.poll() is None
        time.sleep(0.05)
    yield process
    process.terminate()
    process.wait(TIMEOUT_S)


def test_safe_faults_are_mended_at_once_and_a_second_run_is_green(
    own: Assistant, older: subprocess.Popen[bytes]
) -> None:
    """An engine of another version, files that others read, a key and a name that are gone."""
    file, record = engine_of(own)
    file.chmod(0o644)
    (own.prefix / PERSONA).write_text("{}")
    (own.data / "models/manifests/registry.ollama.ai/library/assistant-chat/latest").unlink()
    wrong = failing(examined(own))
    assert set(wrong) == {"secrets", "engine", "drop_ins", "aliases"}
    assert "0.0.1" in wrong["engine"]["detail"]
    assert alive(record["pid"])

    found = examined(own, "--fix")
    assert {done["name"] for done in found["fixed"]} == set(wrong)
    assert all(done["ok"] for done in found["fixed"]), found["fixed"]
    assert failing(found) == {}
    older.wait(TIMEOUT_S)
    assert "default_persona_id" in (own.prefix / PERSONA).read_text()
    assert failing(examined(own)) == {}


def test_what_is_mended_is_said(own: Assistant) -> None:
    record = own.data / "state" / "ollama.json"
    record.write_text("{half")
    record.chmod(0o600)
    done = own.run("doctor")
    assert done.code == 1
    assert "Safe to mend at once (leftovers)" in done.out
    done = own.run("doctor", "--fix")
    assert done.code == 0, done.out
    assert "Fixed leftovers: removed the damaged record" in done.out
    assert "Checked again:" in done.out


def test_an_engine_that_hangs_is_stopped(own: Assistant) -> None:
    _, record = engine_of(own)
    os.kill(record["pid"], signal.SIGSTOP)
    found = examined(own, "--fix")
    assert [done["name"] for done in found["fixed"]] == ["engine"]
    assert failing(found) == {}
    assert not alive(record["pid"])


def test_faults_that_only_a_person_can_mend(own: Assistant) -> None:
    bare = own.home / "python3"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    kernel = own.prefix / "share/jupyter/kernels/bare/kernel.json"
    kernel.parent.mkdir()
    kernel.write_text(json.dumps({"argv": [str(bare)], "language": "python"}))
    page = own.home / "jupyter" / "labconfig" / "page_config.json"
    page.parent.mkdir()
    page.write_text('{"disabledExtensions": {"jupyter-local-assistant": true}}')
    server = own.home / "jupyter" / "jupyter_server_config.json"
    extension = {"local_assistant.lab.extension": False}
    server.write_text(json.dumps({"ServerApp": {"jpserver_extensions": extension}}))
    embedded(own, '[models]\nchat = "no-such-model"\n')

    # Else, in an environment of its own, its files win over the user's.
    found = examined(own, "--fix", JUPYTER_PREFER_ENV_PATH="0")
    assert found["fixed"] == []
    wrong = failing(found)
    assert set(wrong) >= {"kernels", "lab_extension", "server_extension", "models", "chat"}
    assert f"{bare}" in wrong["kernels"]["fix"]
    assert "jupyter labextension enable jupyter-local-assistant" in wrong["lab_extension"]["fix"]
    assert str(server) in wrong["server_extension"]["fix"]
    assert "jupyter assistant pull no-such-model" in wrong["models"]["fix"]
    assert page.exists() and kernel.exists(), "nothing of the user's is removed"


def test_another_context_than_the_loaded_one(own: Assistant) -> None:
    assert failing(examined(own)) == {}, "the model is loaded, with the engine's own size"
    embedded(own, "[chat]\ncontext_tokens = 512\n")
    wrong = failing(examined(own))
    assert "contexts" in wrong
    assert "is loaded with a context of 1024 tokens" in wrong["contexts"]["detail"]
    # Its own questions have loaded the model with the size that is wanted.
    assert "contexts" not in failing(examined(own))


# --- where hardly anything works


def test_a_broken_settings_file(own: Assistant) -> None:
    own.config.write_text('[server]\nknid = "embedded"\n')
    wrong = failing(examined(own, PATH="/nowhere"))
    assert list(wrong) == ["settings"]
    assert "line 2" in wrong["settings"]["detail"]


def test_no_server(assistant: Assistant) -> None:
    assistant.config.write_text('[server]\nkind = "ollama"\nurl = "http://127.0.0.1:9"\n')
    wrong = failing(examined(assistant, PATH=str(assistant.home)))
    assert {"server", "models", "chat", "completion", "embedding"} <= set(wrong)
    assert wrong["chat"]["detail"] == "Not tried: no server answers."


@pytest.mark.parametrize("place", ["/proc/assistant", "a file"])
def test_a_home_that_cannot_be_written(assistant: Assistant, place: str) -> None:
    embedded(assistant)
    if place == "a file":
        place = str(assistant.home / "file")
        Path(place).write_text("")
    wrong = failing(examined(assistant, LOCAL_ASSISTANT_HOME=place))
    assert {"home", "chat", "completion", "embedding"} <= set(wrong)
    assert "LOCAL_ASSISTANT_HOME" in wrong["home"]["fix"]


def test_an_installation_without_anything(assistant: Assistant) -> None:
    """Not installed, no drop-ins: each failing check has its command, and nothing raises."""
    embedded(assistant)
    for file in assistant.prefix.rglob("*"):
        if file.is_file():
            file.unlink()
    wrong = failing(examined(assistant))
    assert {"drop_ins", "server_extension", "lab_extension"} <= set(wrong)
    assert "--force-reinstall" in wrong["drop_ins"]["fix"]


def test_an_interrupted_doctor_leaves_quietly(own: Assistant) -> None:
    process = own.start("doctor")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("python")
    own.interrupt(process)
    _, errors = process.communicate(timeout=30)
    assert process.returncode in (0, 130)
    assert "Traceback" not in errors
