"""How much the chosen model reads at once.

Contract: blocking (call it in a thread). The loaded size comes from the server; a model
that is not loaded yet is loaded first, because only then the server knows, and the answer
would load it anyway. ``num_ctx`` is asked for only where the configuration sets it: another
value than the loaded one makes a server load the model again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice
    from local_assistant.server.client import Client

_FALLBACK = 2048
"""For a server that does not say: smaller than any default in use."""

_LOAD_TIMEOUT_S = 900.0

_abilities: dict[str, frozenset[str]] = {}
"""By a model's digest; an answer need not wait for it twice."""

_TINY_MILLIONS = 50
_TINY_FACTOR = 1.4
"""Measured on the demo model: 1.4 tokens for each that ``estimate_tokens`` counts in Latin and
German texts, 0.8 to 1.0 in Python and English ones."""


@dataclass(frozen=True)
class Window:
    """What one model reads at once.

    Attributes:
        tokens: what prompt and answer share.
        tiny: whether its vocabulary is small, so that texts take more tokens.
        thinks: whether it thinks before it answers, and its server tells that apart.
        tools: whether it can call tools.
    """

    tokens: int
    tiny: bool = False
    thinks: bool = False
    tools: bool = False

    def prompt_budget(self, max_tokens: int | None) -> int:
        """Return how many estimated tokens a prompt may take: the rest is the answer's."""
        answer = min(max_tokens or self.tokens // 4, self.tokens // 2)
        budget = self.tokens - answer
        return int(budget / _TINY_FACTOR) if self.tiny else budget


def context_window(choice: Choice, config: AssistantConfig) -> Window:
    """Return the window of the model that answers.

    Raises:
        AssistantError: the server cannot be reached, or cannot load the model.
    """
    from local_assistant.server.client import Client

    client = Client(choice.endpoint, timeout_s=_LOAD_TIMEOUT_S)
    wanted = config.chat.context_tokens
    loaded = _loaded(client, choice.model)
    if loaded is None or (wanted is not None and loaded.tokens < wanted):
        body: dict[str, Any] = {
            "model": choice.model,
            "keep_alive": config.server.keep_alive,
            "stream": False,
        }
        if wanted is not None:
            body["options"] = {"num_ctx": wanted}
        client.post("/api/generate", body)
        loaded = _loaded(client, choice.model)
    if loaded is None:
        return Window(min(wanted or _FALLBACK, _FALLBACK))
    return replace(loaded, tokens=min(loaded.tokens, wanted)) if wanted else loaded


def look_ahead(config: AssistantConfig, own: str | None) -> None:
    """Ask what the model that answers next can do, while nobody waits for it.

    Args:
        config: the configuration in force.
        own: the model chosen for the chat.

    Raises:
        AssistantError: no server can be reached.
    """
    from local_assistant.server import choose

    abilities(choose("chat", config, model=own, start=False))


def abilities(choice: Choice) -> frozenset[str]:
    """Return what a model can do besides writing, also where it is not loaded.

    Raises:
        AssistantError: its server cannot be reached.
    """
    from local_assistant.server import installed
    from local_assistant.server.client import Client
    from local_assistant.server.installed import find

    model = find(choice.model, installed(choice.endpoint))
    return _can(Client(choice.endpoint), choice.model, model.digest) if model else frozenset()


def _loaded(client: Client, model: str) -> Window | None:
    from local_assistant.server.loaded import process_of

    entry = process_of(client, model)
    size = int((entry or {}).get("context_length") or 0)
    if not entry or not size:
        return None
    can = _can(client, model, str(entry.get("digest") or ""))
    return Window(size, _is_tiny(entry), "thinking" in can, "tools" in can)


def _can(client: Client, model: str, digest: str) -> frozenset[str]:
    """Return what a model can do besides writing, which its server is asked once."""
    key = digest.removeprefix("sha256:") or model
    if key not in _abilities:
        can = client.post("/api/show", {"model": model}).get("capabilities") or []
        _abilities[key] = frozenset(map(str, can))
    return _abilities[key]


def _is_tiny(entry: dict[str, Any]) -> bool:
    size = str((entry.get("details") or {}).get("parameter_size", ""))
    try:
        return size.endswith("M") and float(size[:-1]) < _TINY_MILLIONS
    except ValueError:
        return False
