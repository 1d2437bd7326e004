"""Which server answers, for every state that a machine can be in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.errors import AssistantError
from local_assistant.server import Endpoint, find_server, ollama, owners
from local_assistant.server import resolve as resolve_module
from local_assistant.server.endpoint import NotRunning
from local_assistant.server.probe import probe
from tests.integration.server.conftest import free_port, process_lives
from tests.unit.server.conftest import RawServer, reply

Configure = Callable[..., AssistantConfig]
Install = Callable[..., Path]


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_no_ollama_anywhere_means_the_engine(assistant: Configure, url: str) -> None:
    endpoint = find_server(assistant(server__url=url))
    assert (endpoint.kind, endpoint.local) == ("embedded", True)
    assert endpoint.token
    assert endpoint.detail == f"No Ollama answers at {url}, and none is installed."


def test_embedded_asks_nobody_else(assistant: Configure) -> None:
    with_ollama = RawServer(lambda _, connection: connection.sendall(reply({"version": "1.0.0"})))
    endpoint = find_server(assistant(server__kind="embedded", server__url=with_ollama.url))
    assert endpoint.kind == "embedded"
    assert with_ollama.requests == []
    with_ollama.close()


def test_nothing_is_started_when_that_is_not_wanted(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama()
    for kind in ("auto", "ollama"):
        with pytest.raises(NotRunning, match=r"is installed .* but does not run") as caught:
            find_server(assistant(server__url=url, server__kind=kind), start=False)
        assert caught.value.kind == "ollama"
        assert "starts by itself" in (caught.value.fix or "")
    assert ollama.started_by_us() is None


def test_a_running_ollama_is_used(assistant: Configure, install_ollama: Install, url: str) -> None:
    program = install_ollama()
    running = subprocess.Popen([program, "serve"], env={**os.environ, "OLLAMA_HOST": url})
    try:
        _wait_for(lambda: probe(url).state == "ollama")
        endpoint = find_server(assistant(server__url=url))
        assert endpoint == Endpoint(
            "ollama", url, None, "0.33.0", True, f"Ollama 0.33.0 answers at {url}."
        )
        assert ollama.stop() is False
        assert running.poll() is None
    finally:
        running.terminate()
        running.wait()


@pytest.mark.parametrize("mode", ["normal", "slow"])
def test_an_installed_ollama_is_started_and_only_ours_is_stopped(
    assistant: Configure,
    install_ollama: Install,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    mode: str,
) -> None:
    program = install_ollama(mode)
    monkeypatch.setenv("OLLAMA_API_KEY", "the engine's token")
    monkeypatch.setenv("LOCAL_ASSISTANT_ENV", "OLLAMA_API_KEY")
    endpoint = find_server(assistant(server__url=url))
    assert endpoint.kind == "ollama"
    assert endpoint.detail == f"Ollama 0.33.0 was started ({program})."
    record = ollama.started_by_us()
    assert record is not None
    assert record.url == url
    assert os.getpgid(record.pid) != os.getpgid(0)
    log = ollama.log_file().read_text()
    assert "Listening on" in log
    assert "starting with key None" in log  # our token is not Ollama's business
    assert find_server(assistant()).detail == f"Ollama 0.33.0 answers at {url}."
    assert ollama.stop() is True
    assert not process_lives(record.pid)
    assert probe(url).state == "nothing"
    assert ollama.stop() is False


def test_two_starters_end_with_one_ollama(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama("slow")
    assistant(server__url=url)
    code = (
        "from local_assistant.config import load_config; "
        "from local_assistant.server import find_server; "
        "print(find_server(load_config().config).kind)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [starter.communicate(timeout=60)[0].strip() for starter in starters] == ["ollama"] * 2
    assert ollama.log_file().read_text().count("starting with key") == 1


def test_one_that_dies_at_once_shows_its_log(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama("dies")
    config = assistant(server__url=url, server__kind="ollama")
    with pytest.raises(AssistantError) as caught:
        find_server(config)
    assert "could not find a place to put models" in caught.value.message
    assert "ollama.log" in (caught.value.fix or "")
    with pytest.raises(AssistantError, match="could not find a place"):
        find_server(config)  # remembered: not started again for every question
    assert ollama.log_file().read_text().count("starting with key") == 1
    endpoint = find_server(assistant(server__kind="auto"))
    assert endpoint.kind == "embedded"
    assert "could not find a place to put models" in endpoint.detail


def test_one_that_never_answers_is_ended(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    program = install_ollama("silent")
    assistant()
    with pytest.raises(AssistantError, match="did not answer in time"):
        ollama.start(str(program), url, timeout_s=8)  # two starts of Python are in it
    assert ollama.started_by_us() is None
    log = ollama.log_file().read_text()
    assert "starting with key" in log


def test_one_that_we_started_at_another_address_is_named_at_once(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama()
    assert find_server(assistant(server__url=url)).kind == "ollama"
    other = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(AssistantError, match=f"has started an Ollama at {url}") as caught:
        find_server(assistant(server__url=other, server__kind="ollama"))
    assert caught.value.fix == "End that one first: jupyter assistant stop"
    assert ollama.stop()


def test_an_installed_one_that_is_too_old(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    program = install_ollama(version="0.5.1")
    endpoint = find_server(assistant(server__url=url))
    assert endpoint.kind == "embedded"
    assert endpoint.detail.startswith(f"Ollama 0.5.1 ({program}) is too old: 0.6.4 is needed.")
    assert "capabilities in /api/show (since 0.6.4)" in endpoint.detail
    assert ollama.started_by_us() is None
    assert probe(url).state == "nothing"


def serving(answer: bytes) -> RawServer:
    return RawServer(lambda _, connection: connection.sendall(answer))


OLD = reply({"version": "0.5.1"})
FOREIGN = reply(b"<html>another program</html>")
GOOD = reply({"version": "1.2.3"})


def test_a_running_one_that_is_too_old(assistant: Configure) -> None:
    server = serving(OLD)
    endpoint = find_server(assistant(server__url=server.url))
    assert endpoint.kind == "embedded"
    assert "0.5.1" in endpoint.detail
    with pytest.raises(AssistantError, match=r"0\.5\.1 .* too old: 0\.6\.4") as caught:
        find_server(assistant(server__kind="ollama"))
    assert "Update Ollama" in (caught.value.fix or "")
    server.close()


def test_another_program_on_the_usual_port(
    assistant: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(FOREIGN)
    config = assistant(server__url=server.url)
    # The usual port itself may be in use where the tests run.
    monkeypatch.setattr("local_assistant.config.DEFAULT_URL", server.url)
    endpoint = find_server(config)
    assert endpoint.kind == "embedded"
    assert "is not Ollama" in endpoint.detail
    server.close()


def test_another_program_at_an_address_that_the_user_named(assistant: Configure) -> None:
    server = serving(FOREIGN)
    for kind in ("auto", "ollama"):
        with pytest.raises(AssistantError, match="is not Ollama") as caught:
            find_server(assistant(server__url=server.url, server__kind=kind))
        assert f"End process {os.getpid()}" in (caught.value.fix or "")
        assert f"process {os.getpid()}" in caught.value.message
    server.close()


def test_an_ollama_of_another_user_is_not_trusted(
    assistant: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(GOOD)
    # Only the system's answer is stood in for: who owns the socket.
    monkeypatch.setattr(owners, "listeners", lambda _port, _tables: [4321])
    endpoint = find_server(assistant(server__url=server.url))
    assert endpoint.kind == "embedded"
    assert "belongs to the user with the number 4321" in endpoint.detail
    with pytest.raises(AssistantError, match="who could read what you ask"):
        find_server(assistant(server__kind="ollama"))
    server.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback addresses count as another machine's: there is no other machine here."""
    monkeypatch.setattr("local_assistant.config.is_loopback", lambda _url: False)


@pytest.mark.usefixtures("elsewhere")
def test_a_remote_server_gets_the_users_key(
    assistant: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(GOOD)
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("OLLAMA_API_KEY", "mine")
    endpoint = find_server(assistant())
    assert (endpoint.local, endpoint.token, endpoint.url) == (False, "mine", server.url)
    assert b"Bearer mine" in server.requests[0]
    monkeypatch.setenv("LOCAL_ASSISTANT_ENV", "OLLAMA_API_KEY")
    assert find_server(assistant()).token is None
    assert b"Bearer" not in server.requests[1]
    server.close()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("answer", "words", "fix"),
    [
        (None, "does not answer", "take it out to use this machine"),
        (FOREIGN, "is not Ollama", "Correct the address"),
        (reply({}, "401 Unauthorized"), "refuses us", "OLLAMA_API_KEY"),
        (OLD, "too old", "Update Ollama"),
    ],
)
def test_nothing_stands_in_for_a_remote_server(
    assistant: Configure, url: str, answer: bytes | None, words: str, fix: str
) -> None:
    server = serving(answer) if answer is not None else None
    with pytest.raises(AssistantError, match=words) as caught:
        find_server(assistant(server__url=server.url if server else url))
    assert fix in (caught.value.fix or "")
    if server:
        server.close()


def test_an_interrupt_of_the_starter_does_not_reach_ollama(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    install_ollama()
    assistant(server__url=url)
    code = (
        "import sys, time; from local_assistant.config import load_config; "
        "from local_assistant.server import find_server; "
        "print(find_server(load_config().config).kind, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert starter.stdout is not None
    assert starter.stdout.readline().strip() == "ollama"
    os.killpg(starter.pid, signal.SIGINT)
    starter.wait(20)
    starter.stdout.close()
    assert probe(url).state == "ollama"


def test_state_that_cannot_be_written(
    assistant: Configure, install_ollama: Install, url: str, home: Path
) -> None:
    install_ollama()
    config = assistant(server__url=url, server__kind="ollama")
    paths.home().parent.mkdir(exist_ok=True)
    paths.home().write_text("a file where the folder should be")
    with pytest.raises(AssistantError, match="Cannot write"):
        find_server(config)
    assert probe(url).state == "nothing"


def test_what_cannot_be_recorded_does_not_go_on(
    assistant: Configure, install_ollama: Install, url: str
) -> None:
    """Else uninstall would not know of it."""
    install_ollama()
    config = assistant(server__url=url, server__kind="ollama")
    paths.make_private_dir(paths.home())
    paths.state_dir().write_text("a file where the folder should be")
    with pytest.raises(AssistantError, match="Cannot write"):
        find_server(config)
    started = ollama._children[-1]
    assert started.wait(10) != 0
    assert probe(url).state == "nothing"


def test_calls_from_many_threads(assistant: Configure, install_ollama: Install, url: str) -> None:
    install_ollama()
    config = assistant(server__url=url)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(resolve_module.find_server(config).kind))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["ollama"] * 4
    assert ollama.log_file().read_text().count("starting with key") == 1


def _wait_for(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
