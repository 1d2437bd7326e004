"""An Ollama that is a systemd service: waited for while it comes up, never doubled.

``systemctl`` is a stand-in on PATH: there is no systemd where the tests run.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_assistant.config import AssistantConfig
from local_assistant.errors import AssistantError
from local_assistant.server import find_server, ollama, service, states
from tests.integration.server.conftest import free_port
from tests.waiting import until

Configure = Callable[..., AssistantConfig]
Install = Callable[..., Path]


@pytest.fixture
def unit(no_ollama: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Install a unit whose ``ActiveState`` is what the test wants, since the machine's start."""
    monkeypatch.setattr(service, "FOLDERS", (no_ollama,))

    def install(says: str) -> Path:
        (no_ollama / service.UNIT).write_text("[Service]\n")
        program = no_ollama / "systemctl"
        program.write_text(
            f"#!/bin/sh\necho x >> {no_ollama}/asked\n"
            f"echo ActiveState={says}\necho ActiveEnterTimestampMonotonic=1\n"
        )
        program.chmod(0o755)
        return no_ollama / "asked"

    yield install


def test_one_that_comes_up_is_waited_for(
    assistant: Configure, install_ollama: Install, unit: Callable[[str], Path]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    program, asked = install_ollama(), unit("activating")
    config = assistant(server__url=url)
    assert "is starting and does not answer yet" in states.describe(config).detail
    asked.unlink()
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(find_server(config).detail))
    waiting.start()
    until(lambda: asked.exists() and asked.read_text().count("x") == 2)  # it waits for it now
    running = subprocess.Popen([program, "serve"], env={**os.environ, "OLLAMA_HOST": url})
    try:
        waiting.join(30)
        assert found == [f"Ollama 0.33.0 answers at {url}."]
        assert ollama.started_by_us() is None
        assert not ollama.log_file().exists()
    finally:
        running.kill()
        running.wait()


def test_one_that_never_comes_up_names_its_log(
    assistant: Configure, install_ollama: Install, unit: Callable[[str], Path]
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    program = install_ollama()
    unit("activating")
    assistant(server__url=url)
    with pytest.raises(AssistantError, match="is starting and did not answer in time") as caught:
        ollama.start(str(program), url, timeout_s=0.5)
    assert "journalctl -u ollama" in (caught.value.fix or "")
    assert ollama.started_by_us() is None


@pytest.mark.parametrize(("says", "words"), [("inactive", "is off"), ("failed", "has failed")])
def test_one_that_is_off_is_named_and_ours_is_started(
    assistant: Configure,
    install_ollama: Install,
    unit: Callable[[str], Path],
    says: str,
    words: str,
) -> None:
    install_ollama()
    unit(says)
    config = assistant(server__url=f"http://127.0.0.1:{free_port()}")
    found = states.describe(config)
    assert (found.state, found.how) == ("stopped", "service")
    assert f"Its service (ollama.service) {words}." in found.detail
    assert "sudo systemctl start ollama" in (found.fix or "")
    endpoint = find_server(config)
    assert endpoint.kind == "ollama"
    assert "Models that its service had are in that one only" in endpoint.detail
    assert states.describe(config).how == "us"


def test_one_that_runs_at_another_address_is_not_waited_for(
    assistant: Configure,
    install_ollama: Install,
    unit: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It had been waited for, in vain, and then said to be starting."""
    monkeypatch.setattr(service, "COMES_UP_WITHIN_S", 0.0)  # not all machines run for a minute
    install_ollama()
    unit("active")
    url = f"http://127.0.0.1:{free_port()}"
    config = assistant(server__url=url)
    found = states.describe(config)
    assert (found.state, found.how) == ("stopped", None)
    assert "Its service (ollama.service) runs, but does not listen there." in found.detail
    endpoint = find_server(config)
    assert (endpoint.kind, endpoint.url) == ("ollama", url)
    assert "its service" not in endpoint.detail
    ours = ollama.started_by_us()
    assert ours is not None
    assert ours.url == url
