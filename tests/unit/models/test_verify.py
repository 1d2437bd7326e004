"""What a failed load says of a model: that it never runs, or only that it did not now."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from local_assistant.models.verify import CannotLoad, load_test
from tests.unit.server.conftest import RawServer, reply

LOST = "llama-server process has terminated: "


def tried(said: str) -> object:
    """Try a model on a server that knows it and fails with these words."""

    def answer(server: RawServer, connection: socket.socket) -> None:
        path = server.requests[-1].split()[1]
        if path == b"/api/generate":
            connection.sendall(reply({"error": said}, "500 Internal Server Error"))
        else:
            connection.sendall(reply({"capabilities": ["completion"], "models": []}))

    with closing(RawServer(answer)) as server:
        return load_test(server.endpoint("ollama"), "m")


@pytest.mark.parametrize("said", [f"{LOST}exit status 1", "unknown model architecture: 'x'"])
def test_one_that_never_runs(said: str) -> None:
    problem = tried(said)
    assert isinstance(problem, CannotLoad)
    assert not problem.memory
    assert said in problem.message


@pytest.mark.parametrize(
    "said",
    [
        "model requires more system memory (9.0 GiB) than is available (4.0 GiB)",
        f"{LOST}signal: killed",
        "its process was killed by SIGKILL",
    ],
)
def test_one_for_which_the_memory_was_short(said: str) -> None:
    problem = tried(said)
    assert isinstance(problem, CannotLoad)
    assert problem.memory


@pytest.mark.parametrize(
    "said",
    [
        "timed out waiting for llama-server to start - progress 0.40",
        "its process did not answer any more for 60 s and was ended",
    ],
)
def test_one_that_was_not_ready_in_time_may_be_later(said: str) -> None:
    problem = tried(said)
    assert problem is not None
    assert not isinstance(problem, CannotLoad), "else a pull would delete it"
