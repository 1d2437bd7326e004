"""In which state Ollama is, on this machine or where the user has named one.

Contract: :func:`look` asks as little as a decision needs; :func:`describe` adds what people
want to know (who holds the port, what started it, which version a stopped one is). Neither
raises nor starts anything. ``detail`` says what was found in one sentence or two, ``fix`` is
the next command. Whether Ollama is used at all is decided in ``resolve``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from local_assistant.server import features, getting, ollama, owners, service
from local_assistant.server.features import Feature
from local_assistant.server.listener import How, Program, listening
from local_assistant.server.probe import Probe, probe

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

State = Literal[
    "answers",  # it can be used
    "stopped",  # installed here, not running
    "absent",  # nothing answers, none is installed
    "old",  # it lacks something that we need
    "foreign",  # something else answers at its address
    "stranger",  # another user's, who could read what is asked
    "remote_down",  # the server elsewhere that the user has named does not answer
    "silent",  # something listens and says nothing
    "unused",  # kind = "embedded": nobody asks it
]
KEY_ENV = "OLLAMA_API_KEY"
USE_ENGINE = 'set kind = "embedded" in [server] of assistant.toml'
_OTHER_PORT = "name another port in [server] url of assistant.toml, for an Ollama of your own"
_ADDRESS = "Correct the address ([server] url in assistant.toml, or OLLAMA_HOST)"


@dataclass(frozen=True)
class ServerState:
    """What was found.

    Attributes:
        state: see :data:`State`.
        url: the address that was asked.
        local: whether that is this machine.
        version: Ollama's version, where it is known.
        how: what started a running one, or would start a stopped one.
        binary: the installed program, where that was looked for.
        lacks: what this version cannot do.
        holder: the program that listens on the port.
        detail: what was found.
        fix: what to do about it; None where nothing is wrong.
    """

    state: State
    url: str
    local: bool
    detail: str
    fix: str | None = None
    version: str = ""
    how: How | None = None
    binary: str | None = None
    lacks: tuple[Feature, ...] = ()
    holder: Program | None = None

    @property
    def in_the_way(self) -> bool:
        """Return whether something else sits at the address."""
        return self.state in ("foreign", "silent")

    def as_dict(self) -> dict[str, Any]:
        holder = self.holder
        return {
            "state": self.state,
            "url": self.url,
            "local": self.local,
            "version": self.version or None,
            "how": self.how,
            "binary": self.binary,
            "lacks": [
                {"feature": each.name, "since": each.since, "without": each.without}
                for each in self.lacks
            ],
            "holder": {"name": holder.name, "pid": holder.pid, "user": holder.user}
            if holder
            else None,
            "detail": self.detail,
            "fix": self.fix,
        }


def look(config: AssistantConfig) -> ServerState:
    """Return the state, asking as little as it takes."""
    from local_assistant.config import is_loopback

    url = config.server.url
    if config.server.kind == "embedded":
        detail = 'Ollama is not asked: kind = "embedded" in [server] of assistant.toml.'
        return ServerState("unused", url, is_loopback(url), detail)
    if not is_loopback(url):
        return _remote(url)
    seen = probe(url)
    if seen.state != "nothing":
        return judge(url, seen)
    found = _nothing_listens(url)
    if found.state == "absent" and config.server.kind == "ollama":
        return replace(found, fix=f"{found.fix} Or {USE_ENGINE}.")
    return found


def describe(config: AssistantConfig) -> ServerState:
    """Return the state, with all that people want to know."""
    found = look(config)
    if found.state == "stopped" and found.binary:
        return _with_binary_version(found)
    if found.state in ("answers", "old") and found.local:
        return _with_starter(found)
    return found


def judge(url: str, seen: Probe) -> ServerState:
    """Return the state of what answers at an address of this machine."""
    from local_assistant.config.hosts import port_of

    if seen.state != "ollama":
        return _in_the_way(url, seen)
    if features.needed_but_lacking(seen.version):
        return too_old(url, seen.version, local=True)
    owner = owners.stranger(port_of(url))
    if owner is not None:
        return ServerState(
            "stranger",
            url,
            True,
            f"The Ollama at {url} belongs to {owner}, who could read what you ask.",
            f"{_OTHER_PORT[0].upper()}{_OTHER_PORT[1:]}.",
            seen.version,
            holder=listening(port_of(url)),
        )
    lacks = features.lacking(seen.version)
    detail = f"Ollama {seen.version} answers at {url}."
    return ServerState("answers", url, True, detail, version=seen.version, lacks=lacks)


def too_old(url: str, version: str, *, local: bool, binary: str | None = None) -> ServerState:
    """Return the state of an Ollama that lacks what we need."""
    needed = features.needed_but_lacking(version)
    names = ", ".join(f"{each.name} (since {each.since})" for each in needed)
    where = f"({binary})" if binary else f"at {url}"
    by = f"{getting.PAGE}, or: {getting.BY_US}" if local else getting.PAGE
    return ServerState(
        "old",
        url,
        local,
        f"Ollama {version} {where} is too old: {features.newest(needed)} is needed. It lacks "
        f"{names}, so {needed[-1].without}.",
        f"Update Ollama ({by}), or take it off that address.",
        version,
        binary=binary,
        lacks=features.lacking(version),
    )


def _nothing_listens(url: str) -> ServerState:
    binary = ollama.find_binary()
    if binary is None:
        return ServerState(
            "absent",
            url,
            True,
            f"No Ollama answers at {url}, and none is installed.",
            f"{getting.short()}.",
        )
    unit = service.unit_state()
    text = f"Ollama is installed ({binary}), but does not run."
    how: How | None = None if unit in ("none", "elsewhere") else "service"
    if unit == "coming":
        text = f"Ollama's service ({service.UNIT}) is starting and does not answer yet."
        return ServerState("stopped", url, True, text, f"See: {service.LOG}", "", how, binary)
    fix = "Start it with: ollama serve"
    if unit == "elsewhere":
        text = (
            f"Ollama is installed ({binary}), but does not run at {url}. Its service "
            f"({service.UNIT}) runs, but does not listen there."
        )
        fix += ", or name the service's address ([server] url in assistant.toml)"
    elif unit != "none":
        text += f" Its service ({service.UNIT}) {'has failed' if unit == 'failed' else 'is off'}."
        fix = f"Start it with: {service.START}"
        fix += f" (its log: {service.LOG})" if unit == "failed" else ""
    return ServerState("stopped", url, True, text, fix, "", how, binary)


def _in_the_way(url: str, seen: Probe) -> ServerState:
    from local_assistant.config.hosts import port_of

    holder = listening(port_of(url))
    by = f" It is {holder}." if holder else ""
    end = f"End process {holder.pid}" if holder and holder.pid else "End that program"
    fix = f"{end}, or {_OTHER_PORT}."
    if seen.state == "silent" and holder and holder.name.startswith("ollama"):
        return _hanging(url, seen, holder, end)
    if seen.state == "silent":
        detail = f"Something listens at {url}, but {seen.detail}.{by}"
        return ServerState("silent", url, True, detail, fix, holder=holder)
    detail = f"Something answers at {url} that is not Ollama: {seen.detail}.{by}"
    return ServerState("foreign", url, True, detail, fix, holder=holder)


def _hanging(url: str, seen: Probe, holder: Program, end: str) -> ServerState:
    detail = f"Ollama runs at {url} ({holder}), but {seen.detail}: it hangs."
    restart = "sudo systemctl restart ollama" if holder.how == "service" else end
    fix = f"{restart}; then try again."
    return ServerState("silent", url, True, detail, fix, how=holder.how, holder=holder)


def _remote(url: str) -> ServerState:
    """Return the state of the server off this machine that the user has named."""
    seen = probe(url, users_key())
    if seen.state == "ollama":
        if features.needed_but_lacking(seen.version):
            return too_old(url, seen.version, local=False)
        lacks = features.lacking(seen.version)
        detail = f"You named {url}."
        return ServerState("answers", url, False, detail, version=seen.version, lacks=lacks)
    if seen.state in ("nothing", "silent", "gateway"):
        detail = f"The server that you named does not answer: {url} ({seen.detail})."
        fix = f"{_ADDRESS}, or take it out to use this machine."
        return ServerState("remote_down", url, False, detail, fix)
    detail = f"What answers at {url} is not Ollama: {seen.detail}."
    fix = f"{_ADDRESS}, with the path if it has one (https://host/ollama)."
    if seen.state == "moved":
        fix = f"{_ADDRESS}: {seen.detail.removeprefix('it sends us on to ')}"
    if seen.state == "refused":
        fix = f"Set {KEY_ENV} to the key that this server wants, or correct the address."
    return ServerState("foreign", url, False, detail, fix)


def _with_binary_version(found: ServerState) -> ServerState:
    version = ollama.binary_version(found.binary or "", found.url)
    if not version:
        return found
    if features.needed_but_lacking(version):
        return too_old(found.url, version, local=True, binary=found.binary)
    return replace(found, version=version, lacks=features.lacking(version))


def _with_starter(found: ServerState) -> ServerState:
    """Add who holds the port and what started it."""
    from local_assistant.config.hosts import port_of

    holder = listening(port_of(found.url))
    ours = ollama.started_by_us()
    if ours is not None and (ours.url == found.url or (holder and holder.pid == ours.pid)):
        return replace(found, how="us", holder=holder)
    return replace(found, how=holder.how if holder else None, holder=holder)


def users_key() -> str | None:
    """Return the key that the user set; what our own extension set is the engine's token."""
    from local_assistant.config import OURS_ENV

    ours = {name.strip() for name in os.environ.get(OURS_ENV, "").split(",")}
    return None if KEY_ENV in ours else os.environ.get(KEY_ENV) or None
