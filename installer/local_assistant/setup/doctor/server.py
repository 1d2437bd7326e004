"""Checks of the model servers: which answers, our engine's process, the ports."""

from __future__ import annotations

import socket
import sys

from local_assistant import __version__
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check


@check("server")
def check_server(readings: Readings) -> str:
    """A model server answers, or would be started by the next question."""
    from local_assistant.engine.launch import require_packages
    from local_assistant.server.endpoint import NotRunning

    try:
        endpoint = readings.server
    except NotRunning as idle:
        if idle.kind == "embedded":
            require_packages()
        return f"{idle.message} {idle.fix}"
    return f"{endpoint.kind} {endpoint.version} at {endpoint.url} ({endpoint.detail})"


@check("ollama")
def check_ollama(readings: Readings) -> str:
    """In which state Ollama is: not installed, stopped, running and what started it, too old,
    somebody else's, not Ollama at all. Only an update that is needed fails here: whether a
    server answers is what ``server`` says."""
    from local_assistant.server import states

    found = states.describe(readings.config)
    if found.state == "old":
        raise Failing(found.detail, found.fix)
    said = [found.detail]
    if found.fix is not None and found.state not in ("stopped", "absent"):
        said.append(f"To use it: {found.fix}")
    if found.how:
        said.append(f"Started by: {found.how}.")
    said += [f"Without {each.name} ({each.since}): {each.without}." for each in found.lacks]
    return " ".join(said)


@check("engine", mends="stops an engine of another version of the package, or one that hangs")
def check_engine(readings: Readings) -> str:
    """A running embedded engine is of the version of this package, and answers."""
    from local_assistant.engine.launch import stop_engine

    record = readings.engine
    if record is None:
        return "not running"

    def stop() -> str:
        stop_engine()
        return f"stopped the engine, process {record.pid}; the next question starts it anew"

    if record.version != __version__:
        raise Failing(
            f"The running engine is of version {record.version}, this package of {__version__}.",
            "jupyter assistant stop",
            stop,
        )
    if readings.engine_hangs:
        raise Failing(
            f"The engine, process {record.pid} at {record.url}, does not answer.",
            "jupyter assistant stop",
            stop,
        )
    return f"process {record.pid} at {record.url}, version {record.version}"


@check("ports")
def check_ports(readings: Readings) -> str:
    """A port is free for the engine where it does not run yet."""
    from local_assistant.engine.settings import PORTS_TRIED
    from local_assistant.server.listener import listening

    if readings.engine is not None:
        return f"the engine has {readings.engine.port}"
    first = readings.config.engine.port
    last = min(first + PORTS_TRIED, 65536) - 1
    port = next((port for port in range(first, last + 1) if free(port)), None)
    if port == first:
        return f"{first} is free for the engine"
    holder = f"{first} is held by {listening(first) or 'another program'}"
    if port is None:
        raise Failing(
            f"No port is free for the engine, from {first} to {last}; {holder}.",
            "Name another first one, [engine] port: jupyter assistant config edit",
        )
    return f"{holder}; the engine will take {port}"


def free(port: int) -> bool:
    """Return whether a program could listen on ``port`` of loopback now."""
    with socket.socket() as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
