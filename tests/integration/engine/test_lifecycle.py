"""Start, share, keep, leave: the engine as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_client.manager import KernelManager

from local_assistant import paths
from local_assistant.engine import launch, runfile
from local_assistant.errors import AssistantError
from tests.integration.engine.conftest import Own, config, gone
from tests.slow import SlowMotion
from tests.waiting import until

STARTER = (
    "from local_assistant.engine.launch import ensure_engine\n"
    "info = ensure_engine()\n"
    "print(info.pid, info.url)\n"
)


def test_two_starters_end_with_one_engine(own_engine: Callable[..., Own]) -> None:
    starters = [
        subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {starter.communicate(timeout=60)[0].strip() for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0, 0]
    assert len(said) == 1
    own = own_engine()
    assert said == {f"{own.info.pid} {own.info.url}"}


def test_it_outlives_the_kernel_that_started_it(home: Path, own_engine: Callable[..., Own]) -> None:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        client.execute_interactive(STARTER, timeout=60, output_hook=lambda message: None)
        info = until(launch.running_engine)
        busy = home / "busy"
        client.execute(f"import time; open({str(busy)!r}, 'w').close(); time.sleep(60)")
        until(busy.exists)
        manager.interrupt_kernel()
        client.execute_interactive("1", timeout=30, output_hook=lambda message: None)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert own_engine().info == info
    assert own_engine().http.get("/api/version").status_code == 200


def test_a_taken_port_means_the_next_one(own_engine: Callable[..., Own]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        own = own_engine(port=port)
        assert int(own.info.url.rpartition(":")[2]) > port
        assert f"port {port} is taken" in launch.log_file().read_text(encoding="utf-8")


def test_killed_it_is_started_again_at_once_with_token_and_port(
    own_engine: Callable[..., Own],
) -> None:
    port = 13000 + os.getpid() % 1000  # engines of other tests take those from 11435 on
    first = own_engine(port=port)
    first.http.post("/api/generate", json={"model": "tiny"})
    model = first.pid_of("tiny")
    os.kill(first.info.pid, signal.SIGKILL)
    second = own_engine(port=port)
    assert second.info.pid != first.info.pid
    assert (second.info.url, second.info.token) == (first.info.url, first.info.token)
    until(lambda: gone(model))  # no orphan


def test_stop_ends_it_and_its_models(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    own.http.post("/api/generate", json={"model": "tiny"})
    model = own.pid_of("tiny")
    assert launch.stop_engine() is True
    assert gone(own.info.pid)
    assert gone(model)
    assert launch.running_engine() is None
    assert launch.stop_engine() is False


def test_a_model_removed_behind_the_engine_does_not_break_the_list_of_loaded_ones(
    own_engine: Callable[..., Own],
) -> None:
    own = own_engine()
    own.http.post("/api/generate", json={"model": "tiny"})
    assert own.store.remove("tiny")
    running = own.http.get("/api/ps").raise_for_status().json()["models"]
    assert [model["name"] for model in running] == ["tiny:latest"]


def test_a_relative_home_is_the_starters(
    home: Path, own_engine: Callable[..., Own], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("LOCAL_ASSISTANT_HOME", "state")
    assert own_engine().status()["models_dir"] == str(home / "state" / "models")


def test_stop_does_not_wait_for_a_long_answer(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "tiny", "prompt": "a", "options": {"temperature": 0, "num_ctx": 16384}}
    with own.http.stream("POST", "/api/generate", json=body) as reply:
        next(reply.iter_lines())
        assert launch.stop_engine() is True
    assert gone(own.info.pid)


def test_who_comes_while_it_ends_gets_the_next_one(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    body = {"model": "tiny", "prompt": "a", "options": {"temperature": 0, "num_ctx": 16384}}
    with own.http.stream("POST", "/api/generate", json=body) as reply:
        next(reply.iter_lines())
        own.http.post("/assistant/stop", json={}).raise_for_status()
        assert own_engine().info.pid != own.info.pid
    until(lambda: gone(own.info.pid))


def test_a_terminate_signal_ends_it_cleanly(own_engine: Callable[..., Own]) -> None:
    own = own_engine()
    own.http.post("/api/generate", json={"model": "tiny"})
    model = own.pid_of("tiny")
    os.kill(own.info.pid, signal.SIGTERM)
    until(lambda: gone(own.info.pid) and gone(model))


def test_idle_it_leaves_but_not_while_held(own_engine: Callable[..., Own]) -> None:
    own = own_engine(idle="3s")
    held = own.http.post("/assistant/hold", json={"holder": "lab", "ttl_s": 60})
    assert held.json() == {"holds": 1}
    end = time.monotonic() + 4
    while time.monotonic() < end:  # longer than the limit; only the hold keeps it
        assert own.status()["holds"]
        time.sleep(0.05)
    assert not gone(own.info.pid)
    own.http.post("/assistant/hold", json={"holder": "lab", "ttl_s": 0.2})  # ends by itself
    until(lambda: gone(own.info.pid))
    log = launch.log_file().read_text(encoding="utf-8")
    assert "idle for 3 s: leaving" in log
    assert launch.running_engine() is None


def test_a_running_answer_is_not_idle(own_engine: Callable[..., Own]) -> None:
    own = own_engine(idle="3s")
    options = {"temperature": 0, "num_ctx": 16384, "num_predict": 4000}
    body = {"model": "tiny", "prompt": "a", "options": options}
    with own.http.stream("POST", "/api/generate", json=body) as reply:
        lines = reply.iter_lines()
        next(lines)
        with SlowMotion(own.pid_of("tiny")) as model:
            model.freeze()
            time.sleep(4)  # longer than the limit
        last = list(lines)[-1]
    assert json.loads(last)["eval_count"] == 4000
    until(lambda: gone(own.info.pid))


@pytest.mark.parametrize("change", [
    {"pid": os.getpid()}, {"started": "1"}, {"host": "elsewhere"}, {"boot": "another"},
    {"port": 1}, None, {"token": "wrong"},
])  # fmt: skip
def test_a_run_file_that_does_not_fit_is_replaced(
    home: Path, own_engine: Callable[..., Own], change: dict[str, object] | None
) -> None:
    own = own_engine()
    data = json.loads(runfile.run_file().read_text())
    assert launch.running_engine() == own.info
    if change is None:
        runfile.run_file().write_text('{"pid": ')
    elif "token" in change or "port" in change:
        runfile.run_file().write_text(json.dumps({**data, **change}))
    else:
        os.kill(own.info.pid, signal.SIGKILL)
        until(lambda: gone(own.info.pid))
        runfile.run_file().write_text(json.dumps({**data, **change}))
    assert launch.running_engine() is None
    if change is None or "token" in change or "port" in change:
        os.kill(own.info.pid, signal.SIGKILL)
    again = own_engine()
    assert again.info.pid not in (own.info.pid, os.getpid())
    assert launch.running_engine() == again.info


def test_a_module_in_the_working_directory_is_not_taken(
    own_engine: Callable[..., Own], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('mine')")
    (tmp_path / "json.py").write_text("raise SystemExit('mine')")
    monkeypatch.chdir(tmp_path)
    own = own_engine()
    assert own.http.post("/api/generate", json={"model": "tiny"}).status_code == 200


def test_an_unwritable_home_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = home / "file"
    blocked.write_text("")
    monkeypatch.setenv(paths.HOME_ENV, str(blocked / "under"))
    with pytest.raises(AssistantError, match="Cannot write") as caught:
        launch.ensure_engine()
    assert paths.HOME_ENV in str(caught.value.fix)


def test_an_engine_that_cannot_listen_shows_the_end_of_its_log(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "command_line", lambda options: ["--host=192.0.2.1"])
    with pytest.raises(AssistantError, match="cannot listen on 192") as caught:
        launch.ensure_engine(config(), timeout_s=20)
    assert str(launch.log_file()) in str(caught.value.fix)


def test_missing_packages_are_named_with_the_command(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = launch.importlib.util.find_spec
    monkeypatch.setattr(
        launch.importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else real(name)
    )
    with pytest.raises(AssistantError, match="needs xllamacpp") as caught:
        launch.ensure_engine()
    assert 'pip install "jupyter-local-assistant[engine]"' in str(caught.value.fix)


def test_the_launcher_imports_only_the_standard_library() -> None:
    code = (
        "import sys; import local_assistant.engine.launch; "
        "heavy = {'httpx', 'uvicorn', 'pydantic', 'xllamacpp', 'ollama', 'platformdirs'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_second_front_leaves_with_its_own_status(own_engine: Callable[..., Own]) -> None:
    own_engine()
    done = subprocess.run(
        [sys.executable, "-m", "local_assistant.engine"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert "running" in done.stderr


def _front(*arguments: str, stderr: Any = subprocess.PIPE) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local_assistant.engine", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_a_signal_ends_it_with_status_0(
    home: Path, own_engine: Callable[..., Own], number: signal.Signals
) -> None:
    front = _front("--idle-timeout-s=inf")
    until(launch.running_engine)
    own = own_engine()
    assert own.status()["idle_timeout_s"] is None
    own.http.post("/api/generate", json={"model": "tiny"})
    model = own.pid_of("tiny")
    front.send_signal(number)
    said = front.communicate(timeout=20)[1]
    assert front.returncode == 0
    assert "listening on http://127.0.0.1:" in said
    assert "Traceback" not in said
    assert gone(model)


def test_without_a_token_it_stays_on_loopback(home: Path) -> None:
    front = _front("--no-token", "--host=0.0.0.0")
    said = front.communicate(timeout=20)[1]
    assert front.returncode == 1
    assert "loopback only" in said
    front = _front("--no-token")
    info = until(launch.running_engine)
    assert info.token is None
    assert httpx.get(f"{info.url}/api/tags", trust_env=False).status_code == 200
    assert launch.stop_engine()
    front.communicate(timeout=20)


def test_a_log_that_cannot_be_written_fails_no_request(own_engine: Callable[..., Own]) -> None:
    full = Path("/dev/full")
    target = full if full.exists() else Path(os.devnull)
    with target.open("w") as stderr:
        front = _front(stderr=stderr)
    until(launch.running_engine)
    own = own_engine()
    body = {"model": "tiny", "prompt": "a", "stream": False, "options": {"num_predict": 1}}
    assert own.http.post("/api/generate", json=body).status_code == 200
    assert launch.stop_engine()
    front.communicate(timeout=20)
