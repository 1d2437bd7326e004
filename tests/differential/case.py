"""What a case is: a name and the requests that are sent in order, as plain data.

Contract: no I/O. Model names in cases are the constants here (``@demo`` …); the player puts
the real names in and takes them out of the answers again, so that servers may name the models
as they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DEMO = "@demo"
"""The demo model with the Go template of ChatML, as Ollama itself would choose it."""
BARE = "@bare"
"""The demo model as it comes out of its GGUF, nothing said about templates."""
NATIVE = "@native"
"""The demo model, its GGUF with a chat template (Jinja) that has tools and thinking."""
GO = "@go"
"""The demo model with a Go template that has ``.Suffix``, a system prompt and parameters."""
TALK = "@talk"
"""The demo model with messages of its own."""
TOOLS = "@tools"
"""The demo model with a Go template that has tools and thinking."""
VECTOR = "@vector"
"""The demo model marked as an embedding model."""
SCRATCH = "@scratch"
"""A name that cases may create and delete."""

MODELS = (DEMO, BARE, NATIVE, GO, TALK, TOOLS, VECTOR, SCRATCH)

BLOB = "@blob"
"""The digest (``sha256:…``) of the demo model's file, which both servers have."""

DASHED = "@dashed"
"""The same with a dash after sha256."""

FRESH, FRESH_DATA = "@fresh-digest", "@fresh-data"
"""A text that no server has seen, and its digest."""

GREEDY: dict[str, Any] = {"temperature": 0, "num_predict": 24, "seed": 1}
"""Options that give the same words wherever the same file answers."""

Texts = Literal["same", "any"]


@dataclass(frozen=True)
class Step:
    """One request."""

    method: str
    path: str
    json: Any = None
    body: bytes | None = None
    """Sent as it is, instead of ``json``."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """Requests whose answers must agree, each with the other server's.

    ``texts="any"`` compares only the shape of what the model wrote.
    """

    name: str
    steps: tuple[Step, ...]
    texts: Texts = "same"

    def models(self) -> set[str]:
        """Return the set-up models that the case needs."""
        shown = repr(self.steps)
        return {name for name in MODELS if name != SCRATCH and name in shown}


def get(name: str, path: str, **headers: str) -> Case:
    return Case(name, (Step("GET", path, headers=_spelled(headers)),))


def request(name: str, method: str, path: str, **headers: str) -> Case:
    return Case(name, (Step(method, path, headers=_spelled(headers)),))


def post(name: str, path: str, json: Any, *, texts: Texts = "same", method: str = "POST") -> Case:
    return Case(name, (Step(method, path, json),), texts)


def raw(name: str, path: str, body: bytes, *, method: str = "POST") -> Case:
    return Case(name, (Step(method, path, body=body),))


def several(name: str, steps: Iterable[Step], *, texts: Texts = "same") -> Case:
    return Case(name, tuple(steps), texts)


def _spelled(headers: Mapping[str, str]) -> dict[str, str]:
    """``content_type`` is how a keyword spells ``Content-Type``."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
