"""Which loaded models must leave a server's memory before another one can come.

Contract: :func:`displaced` is pure and follows the servers' own rules. Both let go of idle models
only, the one used longest ago first, until the new one fits. The embedded engine keeps at most
three (``engine/runtime/scheduler.py``) and fills four fifths of the memory; Ollama keeps three
for each card (``defaultModelsPerGPU`` in its server/sched.go, v0.33.0; ``OLLAMA_MAX_LOADED_MODELS``
of a server that we did not start is not known here).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_assistant.models.sizing import Kind, Room

if TYPE_CHECKING:
    from local_assistant.server import Endpoint

_MOST = 3
_ENGINE_SHARE = 0.8
_ENGINE_RUNS_S = 2.0


@dataclass(frozen=True)
class Running:
    """A model in a server's memory.

    Attributes:
        name: the first name that it was loaded by.
        size: bytes of memory in all.
        graphics: how many of them are a card's.
        expires: when it leaves the memory if nobody uses it; sorts by time.
        digest: what all names of the model share.
    """

    name: str
    size: int
    graphics: int = 0
    expires: str = ""
    digest: str = ""


def running(endpoint: Endpoint) -> list[Running]:
    """Return what a server holds in memory.

    Raises:
        AssistantError: it does not answer.
    """
    from local_assistant.server import Client

    answer = Client(endpoint, timeout_s=_ENGINE_RUNS_S).get("/api/ps").get("models")
    return [_running(item) for item in answer or () if isinstance(item, dict)]


def _running(item: dict[str, Any]) -> Running:
    return Running(
        name=str(item.get("name") or item.get("model") or ""),
        size=int(item.get("size") or 0),
        graphics=int(item.get("size_vram") or 0),
        expires=str(item.get("expires_at") or ""),
        digest=str(item.get("digest") or "").removeprefix("sha256:"),
    )


def displaced(need: int, loaded: Sequence[Running], there: Room, kind: Kind) -> tuple[Running, ...]:
    """Return the models that leave the memory for one of ``need`` bytes, in that order.

    Args:
        need: what the new model takes.
        loaded: what the server holds now; the new model is not among it.
        there: what the server may take.
        kind: whose rules count.
    """
    most = _MOST if kind == "embedded" else _MOST * max(1, len(there.used))
    stay = sorted(loaded, key=lambda each: each.expires)
    gone: list[Running] = []
    while stay and not (len(stay) < most and _held(need, stay, there, kind)):
        gone.append(stay.pop(0))
    return tuple(gone)


def _held(need: int, stay: Sequence[Running], there: Room, kind: Kind) -> bool:
    """Return whether a model of ``need`` bytes comes in beside those that stay."""
    if kind == "embedded":
        return need <= (there.hard - sum(each.size for each in stay)) * _ENGINE_SHARE
    if need <= there.graphics:  # it goes to the cards, and wants all its room there
        return need <= there.graphics - sum(each.graphics for each in stay)
    in_memory = sum(each.size if there.shared else each.size - each.graphics for each in stay)
    on_cards = 0 if there.shared else there.graphics - sum(each.graphics for each in stay)
    return need <= there.hard - in_memory + max(0, on_cards)
