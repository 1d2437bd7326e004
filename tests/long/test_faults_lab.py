"""kill -9 of JupyterLab and of a kernel: what was shown is on the disk, and nothing runs on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine import launch
from local_assistant.lab.keeper import HOLD_TTL_S
from local_assistant.server import Client, Endpoint
from tests.figures import Figures
from tests.integration.engine.conftest import Own
from tests.jupyterlab import JupyterLab
from tests.long.chatting import Chat
from tests.long.moments import RUNNER
from tests.long.processes import kill, living, running
from tests.waiting import until

KERNEL = "ipykernel_launcher"
LONG_ENOUGH = 60


@pytest.fixture
def own(own_engine: Callable[..., Own]) -> Own:
    """An engine whose chat model never ends an answer by itself."""
    set_value("server.kind", "embedded")
    set_value("models.preset", "demo")
    set_value("models.chat", "tiny")
    set_value("chat.context_tokens", 16384)
    return own_engine()


def test_killed(
    home: Path, own: Own, figures: Figures, lasting: Callable[[bool, bool], bool]
) -> None:
    """Each in the same JupyterLab, which goes last."""
    survived = {"a kernel while %%ai answers": False, "the engine while the chat answers": False}
    survived["JupyterLab while the chat answers"] = False
    try:
        with JupyterLab(home / "root", home / "lab.log", _runtime(home)) as lab, Chat(lab) as chat:
            _a_kernel(own, lab)
            survived["a kernel while %%ai answers"] = True
            _the_engine(own, chat)
            survived["the engine while the chat answers"] = True
            _jupyterlab(home, lab, chat)
        if lasting(False, True):
            _opens_with_all_of_it(home, chat)
        survived["JupyterLab while the chat answers"] = True
    finally:
        for name, good in survived.items():
            said = "survived" if good else "FAILED"
            figures(f"fault: kill -9 of {name}", said, "survived", good)


def _runtime(home: Path) -> dict[str, str]:
    return {"JUPYTER_RUNTIME_DIR": str(home / "run")}


def _a_kernel(own: Own, lab: JupyterLab) -> None:
    client = kernel_in(lab)
    client.execute("%load_ext local_assistant")
    client.execute("%%ai -f text\nSay something long")
    until(lambda: own.status()["generations"]["active"] == 1, 60)
    (kernel,) = running(paths.home(), KERNEL)
    kill(kernel)
    until(lambda: own.status()["generations"]["active"] == 0, 20)
    until(lambda: running(paths.home(), KERNEL), 60)  # JupyterLab starts it again


def _the_engine(own: Own, chat: Chat) -> None:
    chat.ask("Say something long")
    chat.until(long_answers)
    (model,) = running(paths.home(), RUNNER)
    kill(own.info.pid)
    chat.until(lambda seen: any("Problem:" in body for body in seen.answers()))
    assert long_answers(chat) == 1, "what was shown of the answer stays beside the problem"
    until(lambda: model not in living(paths.home()), 20)


def _jupyterlab(home: Path, lab: JupyterLab, chat: Chat) -> None:
    chat.ask("Say it again")
    chat.until(lambda seen: long_answers(seen) > 1)
    info = launch.running_engine()
    assert info is not None, "the chat has started another one"
    kill(lab.pid)
    chat.rest()
    held = json.loads((home / "root" / "room.chat").read_text(encoding="utf-8"))
    saved = "\n".join(message["body"] for message in held["messages"])
    for body in chat.shown.values():
        assert body in saved, "it was shown"
    # The engine ends the answer that nobody reads, the kernel ends with its server.
    until(lambda: not running(paths.home(), KERNEL), 60)
    client = Client(Endpoint("embedded", info.url, info.token, info.version, True, ""))
    until(lambda: client.get("/assistant/status")["generations"]["active"] == 0, 20)
    status = client.get("/assistant/status")
    assert max(status["holds"].values(), default=0) <= HOLD_TTL_S, "then its idle time begins"
    (loaded,) = status["loaded"]
    until(lambda: set(living(paths.home())) == {info.pid, loaded["pid"]}, 20)


def _opens_with_all_of_it(home: Path, chat: Chat) -> None:
    with JupyterLab(home / "root", home / "again.log", _runtime(home)) as lab, Chat(lab) as later:
        for key, body in chat.shown.items():
            assert later.shown[key].startswith(body)


def long_answers(chat: Chat) -> int:
    return sum(len(body) > LONG_ENOUGH and "Problem:" not in body for body in chat.answers())


def kernel_in(lab: JupyterLab) -> BlockingKernelClient:
    kernel = lab.post("/api/kernels", {"name": "python3"}).json()["id"]
    (file,) = until(lambda: list(lab.root.parent.glob(f"run/kernel-{kernel}.json")))
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    asked = client.execute("1", silent=True)
    while client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != asked:
        pass
    return client
