"""Which entry of ``/api/ps`` is the process that answers for a model.

Contract: standard library only. A server lists a process under the first name that it was
loaded by. That may be one of ours (a program asked for ``assistant-chat``, or for a variant), or
a copy of the user's; the same process serves all names of one manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from local_assistant.server.own_names import base_of

if TYPE_CHECKING:
    from local_assistant.server.client import Client

Listed = Sequence[dict[str, Any]]


def entry_of(model: str, running: Listed, tags: Listed = ()) -> dict[str, Any] | None:
    """Return the process of ``model``, or None.

    Args:
        model: the model's name.
        running: the models of ``/api/ps``.
        tags: those of ``/api/tags``, which tell what else a process is called.
    """
    wanted = _full(base_of(_full(model)))
    for item in running:
        if wanted in _means(item):
            return item
    digests = {_digest(item) for item in tags if wanted in _means(item)} - {""}
    return next((item for item in running if _digest(item) in digests), None)


def process_of(client: Client, model: str) -> dict[str, Any] | None:
    """Return what ``/api/ps`` tells of the process that answers for ``model``, or None.

    Raises:
        AssistantError: the server cannot be reached.
    """
    running = client.get("/api/ps").get("models") or []
    found = entry_of(model, running)
    if found is not None or not running:
        return found
    return entry_of(model, running, client.get("/api/tags").get("models") or [])


def _means(item: dict[str, Any]) -> tuple[str, ...]:
    """Return the models that an entry is, by its name: itself, and what it is a variant of."""
    named = {_full(str(item.get(key) or "")) for key in ("name", "model")}
    return tuple(_full(base_of(name)) for name in named)


def _digest(item: dict[str, Any]) -> str:
    return str(item.get("digest") or "")


def _full(name: str) -> str:
    """Return a name as all its spellings have it in common."""
    name = name.strip().lower()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
