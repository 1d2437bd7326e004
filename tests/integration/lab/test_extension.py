"""The server extension in real Jupyter servers: environment, engine, status, what is off."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import running_engine, stop_engine
from tests.jupyterlab import JupyterLab

VARIABLES = ("OLLAMA_HOST", "OLLAMA_API_BASE", "OLLAMA_API_KEY")
NAMES = (*VARIABLES, "LOCAL_ASSISTANT_ENV", "LOCAL_ASSISTANT_CONFIG")


@pytest.fixture(scope="module")
def labs(
    tmp_path_factory: pytest.TempPathFactory, _session_home: None
) -> Iterator[tuple[JupyterLab, JupyterLab]]:
    """Two JupyterLabs of one user, started at once where no engine runs."""
    stop_engine()
    paths.user_config_file().unlink(missing_ok=True)
    set_value("server.kind", "embedded")
    set_value("models.preset", "demo")
    both = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        both.append(JupyterLab(folder / "root", folder / "lab.log").start())
    try:
        yield both[0].wait(), both[1].wait()
    finally:
        for lab in both:
            lab.stop()
        stop_engine()
        paths.user_config_file().unlink()  # other tests share this home


def status(lab: JupyterLab) -> dict[str, Any]:
    """The status once the extension has found its server."""
    deadline = time.monotonic() + 60
    while True:
        report: dict[str, Any] = lab.get("/local-assistant/status").json()
        if report["ok"] or time.monotonic() > deadline:
            return report
        time.sleep(0.2)


def holders() -> set[str]:
    info = running_engine()
    if info is None:
        return set()
    reply = httpx.get(
        f"{info.url}/assistant/status",
        headers={"Authorization": f"Bearer {info.token}"},
        timeout=30,
        trust_env=False,
    )
    return set(reply.json()["holds"])


def wait_for_holders(wanted: set[str]) -> None:
    deadline = time.monotonic() + 30
    while (found := holders()) != wanted:
        assert time.monotonic() < deadline, (found, wanted)
        time.sleep(0.2)


def in_a_kernel(lab: JupyterLab, expression: str) -> Any:
    """Start a kernel as a notebook does, and return the value of ``expression`` there."""
    kernel = lab.post("/api/kernels", {"name": "python3"}).json()["id"]
    runtime = Path(os.environ["JUPYTER_RUNTIME_DIR"])
    client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        # Not wait_for_ready(): it takes a kernel that is slow to start for a dead one.
        asked = client.execute("", user_expressions={"it": expression}, silent=True)
        reply = client.get_shell_msg(timeout=60)
        while reply["parent_header"].get("msg_id") != asked:
            reply = client.get_shell_msg(timeout=60)
        text = reply["content"]["user_expressions"]["it"]["data"]["text/plain"]
        return eval(text)  # a dict of strings that this test asked for
    finally:
        client.stop_channels()
        httpx.delete(
            f"{lab.url}/api/kernels/{kernel}",
            headers={"Authorization": f"token {lab.token}"},
            timeout=60,  # Jupyter gives a kernel five seconds to end
            trust_env=False,
        )


def test_two_at_once_share_one_engine_and_hold_it(labs: tuple[JupyterLab, JupyterLab]) -> None:
    reports = [status(lab) for lab in labs]
    assert reports[0]["server"]["url"] == reports[1]["server"]["url"]
    info = running_engine()
    assert info is not None and info.url == reports[0]["server"]["url"]
    wait_for_holders({f"jupyter-{lab.pid}" for lab in labs})


def test_status_wants_the_token_and_shows_no_secret(labs: tuple[JupyterLab, JupyterLab]) -> None:
    lab = labs[0]
    assert lab.get("/local-assistant/status", token=False).status_code in (401, 403)
    report = status(lab)
    assert report["schema"] == 1 and report["ok"] is True
    assert report["server"]["kind"] == "embedded"
    assert report["models"]["chat"].startswith("assistant-demo")
    info = running_engine()
    assert info is not None and info.token
    assert info.token not in lab.get("/local-assistant/status").text


def test_kernels_find_the_same_server_and_the_same_file(
    labs: tuple[JupyterLab, JupyterLab],
) -> None:
    status(labs[0])
    wait_for_holders({f"jupyter-{lab.pid}" for lab in labs})
    info = running_engine()
    assert info is not None
    found = in_a_kernel(labs[0], f"{{n: __import__('os').environ.get(n) for n in {NAMES!r}}}")
    assert found["OLLAMA_HOST"] == found["OLLAMA_API_BASE"] == info.url
    assert found["OLLAMA_API_KEY"] == info.token
    assert set(found["LOCAL_ASSISTANT_ENV"].split(",")) == set(VARIABLES)
    assert found["LOCAL_ASSISTANT_CONFIG"] == str(paths.user_config_file())


def test_the_open_mcp_server_is_off(labs: tuple[JupyterLab, JupyterLab]) -> None:
    lab = labs[0]
    process = psutil.Process(lab.pid)
    ports = {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert ports == {lab.port}
    assert "local_assistant.lab.extension | extension was successfully loaded" in lab.log_text()
    for name in ("jupyter_server_mcp", "jupyter_ai_acp_client"):
        assert f"{name} | extension was successfully l" not in lab.log_text()


def test_a_mistake_in_the_file_shows_in_the_status(labs: tuple[JupyterLab, JupyterLab]) -> None:
    file = paths.user_config_file()
    good = file.read_text()
    file.write_text(good.replace('preset = "demo"', 'preset = "dmo"'))
    try:
        report = labs[0].get("/local-assistant/status").json()
    finally:
        file.write_text(good)
    assert report["ok"] is False
    assert "dmo" in report["problem"]["message"]
    assert report["problem"]["fix"]


def test_one_that_ends_stops_holding(labs: tuple[JupyterLab, JupyterLab]) -> None:
    """Runs last: it ends the second one."""
    wait_for_holders({f"jupyter-{lab.pid}" for lab in labs})
    labs[1].stop()
    wait_for_holders({f"jupyter-{labs[0].pid}"})
