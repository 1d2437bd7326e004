"""Who may not have our prompts: another user's Ollama, and a cloud that a project's file names."""

from __future__ import annotations

import http.server
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import AssistantConfig, load_config
from local_assistant.errors import AssistantError
from local_assistant.server import choose, find_server, ollama, states
from tests.integration.server.conftest import free_port

NOBODY = 65534


class Eavesdropper(http.server.BaseHTTPRequestHandler):
    """Says what an Ollama would say."""

    def do_GET(self) -> None:
        body = b'{"version": "0.33.0", "models": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""


def _listen_as(user: int | None, said: Any) -> None:
    if user is not None:
        os.setgid(user)
        os.setuid(user)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Eavesdropper)
    said.send(server.server_port)
    server.serve_forever()


@pytest.fixture
def strangers_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where another user listens.

    Only root can become somebody else; elsewhere it is we who say that we are another.
    """
    root = os.geteuid() == 0
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_listen_as, args=(NOBODY if root else None, theirs), daemon=True)
    child.start()
    assert ours.poll(20)
    port = ours.recv()
    if not root:
        monkeypatch.setattr(os, "getuid", lambda: 4321)
    yield f"http://127.0.0.1:{port}"
    child.kill()
    child.join()


def test_another_users_ollama_is_not_used(
    assistant: Callable[..., AssistantConfig], strangers_url: str
) -> None:
    if not Path("/proc/net/tcp").exists():
        return  # only Linux tells whose a socket is
    config = assistant(server__url=strangers_url, engine__port=free_port())
    found = states.look(config)
    assert found.state == "stranger"
    assert "who could read what you ask" in found.detail
    assert find_server(config).kind == "embedded"
    config = assistant(server__kind="ollama")
    with pytest.raises(AssistantError) as caught:
        find_server(config)
    assert "belongs to the user" in caught.value.message and caught.value.fix


CLOUD = "big:120b-cloud"


def test_a_project_sends_nothing_to_a_cloud(
    assistant: Callable[..., AssistantConfig],
    install_ollama: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """The model is the user's own, and would be labelled; but the choice was not the user's."""
    install_ollama(models=f"{CLOUD}@https://ollama.com:443")
    assistant(server__url=f"http://127.0.0.1:{free_port()}")
    cloned = tmp_path / "cloned"
    cloned.mkdir()
    (cloned / "assistant.toml").write_text(f'[models]\nchat = "{CLOUD}"\ncompletion = "{CLOUD}"\n')
    config = load_config(cloned).config
    for role in ("chat", "completion"):
        with pytest.raises(AssistantError) as caught:
            choose(role, config)
        assert "ollama.com" in caught.value.message and "use" in str(caught.value.fix)
    assert "not from this machine" in str(choose("chat", config, model=CLOUD).notice)
    own = assistant(models__chat=CLOUD)
    assert "not from this machine" in str(choose("chat", own).notice)
    ollama.stop()
