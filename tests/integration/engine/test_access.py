"""No port without authentication: token, Host, Origin, body size; the model's own port."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine import runfile
from local_assistant.engine.launch import EngineInfo
from local_assistant.engine.settings import MAX_BODY_BYTES

PATHS = ("/", "/api/version", "/api/tags", "/api/ps", "/assistant/status", "/nowhere")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic {token}", "{token}"])
def test_every_path_wants_the_token(engine: EngineInfo, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.format(token=engine.token)}
    reply = httpx.get(engine.url + path, headers=headers, trust_env=False)
    assert reply.status_code == 401
    assert "token" in reply.json()["error"]
    assert str(engine.token) not in reply.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:11435", "8.8.8.8"])
def test_a_foreign_host_is_refused(engine_http: httpx.Client, host: str) -> None:
    assert engine_http.get("/api/tags", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:5", "a.localhost", "x.local"])
def test_a_local_host_is_let_in(engine_http: httpx.Client, host: str) -> None:
    assert engine_http.get("/api/version", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.com"])
def test_a_foreign_page_is_refused(engine_http: httpx.Client, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        reply = engine_http.request(method, "/api/tags", headers={"Origin": origin})
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers


def test_a_local_page_is_let_in_but_not_without_the_token(engine: EngineInfo) -> None:
    headers = {"Origin": "http://localhost:8888", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(engine.url + "/api/chat", headers=headers, trust_env=False)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == headers["Origin"]
    bare = httpx.get(engine.url + "/api/tags", headers=headers, trust_env=False)
    assert bare.status_code == 401


def test_a_body_beyond_the_limit_is_refused(engine: EngineInfo, engine_http: httpx.Client) -> None:
    def pieces():
        for _ in range(MAX_BODY_BYTES // (1 << 20) + 2):
            yield b" " * (1 << 20)

    try:
        reply = engine_http.post("/api/chat", content=pieces())
        assert reply.status_code == 413
    except httpx.WriteError:
        pass  # the engine closed while we were still writing: refused too
    assert engine_http.get("/api/version").status_code == 200


def test_the_models_own_port_wants_a_key(engine_http: httpx.Client) -> None:
    engine_http.post("/api/generate", json={"model": "assistant-demo"})
    loaded = engine_http.get("/assistant/status").json()["loaded"][0]
    ports = _listening(loaded["pid"])
    if sys.platform == "linux":
        assert len(ports) == 1
    for port in ports:
        for path in ("/slots", "/props", "/v1/models", "/metrics"):
            reply = httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
            assert reply.status_code in (401, 404, 501)
        body = {"prompt": "a", "n_predict": 1}
        reply = httpx.post(f"http://127.0.0.1:{port}/completion", json=body, trust_env=False)
        assert reply.status_code == 401
        with pytest.raises(OSError):
            socket.create_connection((_outer_address(), port), timeout=1)


def test_secrets_are_private_and_nowhere_else(engine: EngineInfo) -> None:
    for file in (runfile.run_file(), runfile.token_file()):
        if os.name != "nt":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = str(engine.token)
    log = (paths.logs_dir() / "engine.log").read_text(encoding="utf-8")
    assert token not in log
    if sys.platform == "linux":
        for process in Path("/proc").glob("[0-9]*"):
            try:
                assert token.encode() not in (process / "cmdline").read_bytes()
            except OSError:
                continue  # it ended while we looked


def _listening(pid: int) -> list[int]:
    """Return the TCP ports on which a process listens (Linux)."""
    if sys.platform != "linux":
        return []
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:
            continue  # closed meanwhile
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes
    ]


def _outer_address() -> str:
    """Return another address of this machine than 127.0.0.1."""
    return "127.0.0.2"


def test_many_may_wait_at_once(engine_http: httpx.Client) -> None:
    if sys.platform != "linux":
        return  # only there it is seen from outside
    pid = engine_http.get("/assistant/status").json()["pid"]
    limits = Path(f"/proc/{pid}/limits").read_text()
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    soft, hard = (float(text.replace("unlimited", "inf")) for text in line.split()[3:5])
    assert soft >= min(hard, 10240)
