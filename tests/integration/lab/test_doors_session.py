"""No open door in a whole session: JupyterLab, a kernel, the engine, all models in memory.

The session is one of a user whose Hugging Face token is in the environment, too. What is asked
without a key is asked of every socket and every route that there is, not of those in a list.
"""

from __future__ import annotations

import json
import os
import re
import secrets as random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.launch import EngineInfo, running_engine, stop_engine
from tests.doors import ports, routes, secrets
from tests.figures import Figures
from tests.jupyterlab import JupyterLab
from tests.waiting import until

ROOT = Path(__file__).parents[3]
HF_TOKEN = f"hf_{random.token_hex(20)}"
CELLS = (
    "%%ai --no-history\nWhat is a list?",
    "%ai list",
    "%%ai no-such-model\nWhat is a list?",
    "import local_assistant\nlocal_assistant.ask('What is a list?', model='no-such-model')",
)
CLI = "import sys; from local_assistant.cli.main import main; sys.exit(main())"
COMMANDS = (
    "status", "status --json", "doctor --json", "config show", "config show --json", "models",
    "logs", "uninstall --dry-run",
)  # fmt: skip


@dataclass
class Session:
    """What runs.

    Attributes:
        kernel: its id.
        said: all that the kernel's outputs said.
    """

    lab: JupyterLab
    engine: EngineInfo
    kernel: str
    connection: Path
    said: str = ""

    def processes(self) -> list[psutil.Process]:
        """Return all that was started here, also what has cut itself off from its parents."""
        home, since = os.environ["HOME"].encode(), psutil.Process(self.lab.pid).create_time()
        of_this_home = [pid for pid, text in secrets.environments().items() if home in text]
        return ports.family_of(
            self.lab.pid, self.engine.pid, *ports.started_since(since, of_this_home)
        )

    def secrets(self) -> dict[str, str]:
        """Return what nobody else may know, by name."""
        known = json.loads(self.connection.read_text())
        found = {"engine": str(self.engine.token), "hf": HF_TOKEN, "kernel": known["key"]}
        return {**found, "curve": known.get("curve_secretkey") or known["key"]}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, _session_home: None) -> Iterator[Session]:
    """Everything at once, with an answer of each kind asked for."""
    stop_engine()  # it has to be started by this JupyterLab
    paths.user_config_file().unlink(missing_ok=True)
    set_value("server.kind", "embedded")
    set_value("models.preset", "demo")
    folder = tmp_path_factory.mktemp("doors")
    environment = {"HF_TOKEN": HF_TOKEN, "PYTHONPATH": str(ROOT)}
    options = ("--ServerApp.jpserver_extensions=tests.doors.routes=True",)
    try:
        with JupyterLab(folder / "root", folder / "lab.log", environment, options=options) as lab:
            yield _begun(lab)
    finally:
        stop_engine()
        paths.user_config_file().unlink()  # other tests share this home


def _begun(lab: JupyterLab) -> Session:
    kernel = lab.post("/api/kernels", {"name": "python3"}).json()["id"]
    lab.post("/api/terminals", {})
    connection = Path(os.environ["JUPYTER_RUNTIME_DIR"]) / f"kernel-{kernel}.json"
    lab.post("/local-assistant/completion/warm", {"path": ""})
    engine = until(running_engine, 60)
    until(lambda: lab.get("/local-assistant/status").json()["ok"], 60)
    session = Session(lab, engine, kernel, connection)
    headers = {"Authorization": f"Bearer {engine.token}"}
    for path in ("/api/generate", "/api/embed"):
        body = {"model": "assistant-demo", "input": "x", "stream": False}
        httpx.post(engine.url + path, json=body, headers=headers, trust_env=False, timeout=60)
    lab.post("/local-assistant/complete", {"prefix": "import "})
    session.said = _run_cells(connection)
    return session


def _run_cells(connection: Path) -> str:
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    said: list[Any] = []
    try:
        for cell in CELLS:
            client.execute_interactive(
                cell, allow_stdin=False, timeout=100, output_hook=said.append, stop_on_error=False
            )
    finally:
        client.stop_channels()
    return json.dumps([message["content"] for message in said])


def test_no_port_is_open_without_authentication(
    session: Session, capsys: pytest.CaptureFixture[str], figures: Figures
) -> None:
    found = ports.all_tried(ports.ports_of(session.processes()))
    with capsys.disabled():
        print(f"\n{ports.table(found)}")
    programs = {port.program for port in found}
    assert programs >= {"jupyterlab", "local_assistant.engine", "ipykernel_launcher"}
    assert sum(port.program.endswith("runner") for port in found) >= 2  # text and embedding
    assert {port.address for port in found} == {"127.0.0.1"}
    count = sum(port.open for port in found)
    figures("ports open without authentication", f"{count} of {len(found)}", "0", count == 0)


def test_an_open_door_would_be_seen(session: Session, tmp_path: Path) -> None:
    """Without this the count above would prove nothing."""
    opened = subprocess.Popen(
        [sys.executable, "-c", OPEN_DOORS], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert opened.stdout is not None and opened.stdout.readline() == "ready\n"
        found = ports.all_tried(ports.ports_of(ports.family_of(opened.pid)))
        kinds = sorted((port.kind, port.open) for port in found)
        assert kinds == [("tcp", True), ("tcp", True), ("udp", True)], ports.table(found)
    finally:
        opened.kill()
        opened.wait()


OPEN_DOORS = """
import http.server, socket, threading, zmq
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=web.serve_forever, daemon=True).start()
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
outputs = zmq.Context().socket(zmq.PUB)  # as a kernel's outputs are by Jupyter's default
outputs.bind_to_random_port("tcp://127.0.0.1")
print("ready", flush=True)
threading.Event().wait()
"""


def test_every_route_wants_the_token(session: Session) -> None:
    """Jupyter's own routes and those of every extension that is on after the installation."""
    listed = session.lab.get(routes.OWN).json()
    ours = [name for _, name, _ in listed if name.startswith("local_assistant.")]
    assert len(ours) >= 8 and len(listed) > 60
    with httpx.Client(base_url=session.lab.url, trust_env=False) as client:
        let_in = [
            f"{method} {address} {name}"
            for address, name, _ in listed
            if address not in PUBLIC
            for method in (METHODS if name in ours else METHODS[:2])
            for headers in (STRANGERS if name in ours else STRANGERS[:1])
            if _gives(client, method, address, name, headers)
        ]
    assert let_in == []


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STRANGERS = (
    {},
    {"Authorization": "token wrong"},
    {"Cookie": "_xsrf=x", "X-XSRFToken": "x", "Origin": "http://elsewhere.example"},
)
PUBLIC = {"/api", "/favicon.ico", "/login", "/logout"}
"""The version of the server, its icon, the page that asks for the token, and its end."""
BROKEN = "jupyterlab_server.licenses_handler.LicensesHandler"
"""It fails before it has said anything, and then says nothing at all."""


def _gives(
    client: httpx.Client, method: str, address: str, name: str, headers: dict[str, str]
) -> bool:
    if name == BROKEN and (method, headers) != ("GET", {}):
        return False
    try:
        # Only the head: some answer for ever, once they let one in.
        timeout = 2 if name == BROKEN else 30
        with client.stream(method, address, headers=headers, timeout=timeout) as reply:
            return reply.is_success
    except httpx.ReadTimeout:
        return name != BROKEN


def test_no_page_looks_names_up_ahead(session: Session) -> None:
    assert session.lab.get("/lab").headers["x-dns-prefetch-control"] == "off"


def test_secrets_lie_in_private_files_only(session: Session) -> None:
    home = Path(os.environ["HOME"])
    log = Path(session.lab.root).parent
    found = list(secrets.files_with(session.secrets(), home, log))
    assert {path.name for path, name in found if name == "engine"} >= {"token"}
    allowed = re.compile(r"token|engine-.*\.json|kernel-.*\.json")
    assert [(str(path), name) for path, name in found if not allowed.fullmatch(path.name)] == []
    assert [str(path) for path, _ in found if not secrets.is_private(path, home)] == []


def test_no_secret_is_shown(session: Session) -> None:
    shown = [session.said, session.lab.log_text()]
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-c", CLI, *command.split()],
            capture_output=True, text=True, env={**os.environ, "HF_TOKEN": HF_TOKEN}, check=False,
        )  # fmt: skip
        assert done.stdout, (command, done.stderr)
        shown += [done.stdout, done.stderr]
    assert [n for n, secret in session.secrets().items() if any(secret in s for s in shown)] == []


def test_no_secret_is_in_a_process_list(session: Session) -> None:
    if not sys.platform.startswith("linux"):
        return  # elsewhere another user sees nothing but names
    for name, secret in session.secrets().items():
        lines = secrets.command_lines().items()
        assert [pid for pid, line in lines if secret.encode() in line] == [], name
        holders = [pid for pid, text in secrets.environments().items() if secret.encode() in text]
        assert [pid for pid in holders if secrets.seen_by_others(pid)] == [], name
    shown = secrets.command_lines()
    lines = [shown.get(process.pid, b"").decode() for process in session.processes()]
    models = [line for line in lines if "engine.runtime.runner" in line]
    assert models
    for line in models:  # its key came over a pipe
        assert not re.search(r"[0-9a-f]{40}", line)
