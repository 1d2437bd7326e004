"""Models in a server's memory: which are loaded, and taking them out.

Contract: only on servers of this machine. One process may serve several names of the same
weights; it is taken out only where none of them is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.server.installed import short
from local_assistant.server.loaded import process_of

if TYPE_CHECKING:
    from local_assistant.models.answering import Answers
    from local_assistant.server import Client, Endpoint


def unload(before: Answers, after: Answers) -> tuple[str, ...]:
    """Take out of memory what answered before and does not now; return the models."""
    wanted = after.in_use()
    here = [each for each in after.choices.values() if not each.remote_host]  # the rest: no memory
    done = []
    for (url, model), endpoint in before.in_use().items():
        if (url, model) in wanted or not endpoint.local:
            continue
        kept = [each.model for each in here if each.endpoint.url == url]
        try:
            if unload_one(endpoint, model, kept):
                done.append(short(model))
        except AssistantError:
            continue  # that server has gone, and with it what it held
    return tuple(done)


def unload_one(endpoint: Endpoint, model: str, kept: list[str]) -> bool:
    """Take one model out of memory; False where it is not there, or serves one of ``kept``."""
    from local_assistant.server import Client

    client = Client(endpoint, timeout_s=30)
    if process_of(client, model) is None:
        return False
    weights = _weights(client, model)
    if any(_weights(client, name) == weights for name in kept):
        return False
    client.post("/api/generate", {"model": model, "keep_alive": 0, "stream": False})
    return True


def _weights(client: Client, model: str) -> str:
    """Return the file that a model's weights are in, and its adapters."""
    shown: dict[str, Any] = client.post("/api/show", {"model": model})
    lines = str(shown.get("modelfile") or "").splitlines()
    return "\n".join(line for line in lines if line.startswith(("FROM ", "ADAPTER ")))
