"""Smoke checks: each part of the assistant is used once, for real.

Contract: a check never raises; it returns what it saw, how long it took and how to mend
it. Whatever models are configured pass: properties are asserted, not the words of a model.
The names are ``server``, ``chat``, ``completion``, ``embedding``, ``magic`` and, only where
a browser is asked for, ``sidebar`` and ``ghost_text``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.setup.outcome import Check

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import Choice

PROMPT = "Write a function that returns all primes up to n"
GAPS = (
    ("def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"),
    ("import numpy as ", "\n\nvalues = np.zeros(3)\n"),
    ("for i in range(", "):\n    print(i)\n"),
)
"""Code before and after a gap. A model may leave one gap empty; one that fills none is no use."""

TEXTS = ("Read a CSV file into a data frame.", "The weather was cold and it rained all night.")
ANSWER_TOKENS = 48
TIMEOUT_S = 300.0
"""Long: a large model on a small machine takes minutes to load."""

SAME_TEXT = 0.999
_log = logging.getLogger(__name__)


def run(config: AssistantConfig, *, browser: bool = False) -> Iterator[Check]:
    """Run the checks in order, yielding each as it ends.

    Where no server answers the checks that need one are not tried.
    """
    server = timed("server", lambda: check_server(config))
    yield server
    checks: list[tuple[str, Callable[[], str]]] = [
        ("chat", lambda: check_chat(config)),
        ("completion", lambda: check_completion(config)),
        ("embedding", lambda: check_embedding(config)),
        ("magic", check_magic),
    ]
    if browser:
        checks.append(("sidebar", check_sidebar))
        checks.append(("ghost_text", lambda: check_ghost_text(config)))
    for name, check in checks:
        if server.ok:
            yield timed(name, check)
        else:
            yield Check(name, False, "not tried: no server answers", server.fix, 0.0)


def timed(name: str, check: Callable[[], str]) -> Check:
    """Run one check; its return value is the detail, its exception the failure."""
    started = time.perf_counter()
    fix: str | None = None
    try:
        detail, ok = check(), True
    except AssistantError as error:
        detail, fix, ok = error.message, error.fix, False
    except Exception as error:
        # A check reports; it must not end the ones after it.
        _log.exception("smoke check %s failed", name)
        detail, ok = f"{type(error).__name__}: {error}", False
        fix = "See the traceback with: jupyter assistant logs cli"
    return Check(name, ok, detail, fix, round((time.perf_counter() - started) * 1000, 1))


def check_server(config: AssistantConfig) -> str:
    """A server is found, or started, and says its version."""
    from local_assistant.server import find_server

    endpoint = find_server(config)
    return f"{endpoint.kind} {endpoint.version} at {endpoint.url} ({endpoint.detail})"


def check_chat(config: AssistantConfig) -> str:
    """A prompt streams some text."""
    from local_assistant.server import choose
    from local_assistant.server.client import Client

    choice = choose("chat", config)
    body = {
        "model": choice.model,
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": True,
        "options": {"num_predict": ANSWER_TOKENS, **_size(config)},
        "keep_alive": config.server.keep_alive,
    }
    said, parts = "", 0
    with Client(choice.endpoint, timeout_s=TIMEOUT_S).stream("/api/chat", body) as lines:
        for line in lines:
            message = line.get("message") or {}
            # A reasoning model may spend all tokens of a short answer on its thoughts.
            piece = (message.get("content") or "") + (message.get("thinking") or "")
            said += piece
            parts += bool(piece)
    if not said.strip():
        raise _poor(choice, "answered a chat message with no text")
    return f"{choice.model} streamed {len(said)} characters in {parts} parts{_remark(choice)}"


def check_completion(config: AssistantConfig) -> str:
    """Code is completed between two texts, or after one where the model cannot fill in."""
    from local_assistant.server import choose
    from local_assistant.server.client import Client

    choice = choose("completion", config)
    client = Client(choice.endpoint, timeout_s=TIMEOUT_S)
    shown = client.post("/api/show", {"model": choice.model})
    fills = "insert" in (shown.get("capabilities") or ())
    body: dict[str, Any] = {
        "model": choice.model,
        "stream": False,
        "options": {"num_predict": 16, "temperature": 0, **_size(config)},
        "keep_alive": config.server.keep_alive,
    }
    for before, after in GAPS:
        gap = {"prompt": before, "suffix": after} if fills else {"prompt": before, "raw": True}
        text = str(client.post("/api/generate", body | gap).get("response") or "").strip()
        if text:
            how = "filled in" if fills else "continued with"
            return f"{choice.model} {how} {text.splitlines()[0][:40]!r}{_remark(choice)}"
    raise _poor(choice, "completed no line of code with anything")


def check_embedding(config: AssistantConfig) -> str:
    """Vectors are finite, of one length, and equal for equal texts."""
    from local_assistant.lab.options import embedding_options
    from local_assistant.server import choose
    from local_assistant.server.client import Client

    choice = choose("embedding", config)
    body: dict[str, Any] = {
        "model": choice.model,
        "input": [TEXTS[0], TEXTS[1], TEXTS[0]],
        "keep_alive": config.server.keep_alive,
        "options": embedding_options(choice.model, config),
    }
    answer = Client(choice.endpoint, timeout_s=TIMEOUT_S).post("/api/embed", body)
    vectors = answer.get("embeddings") or []
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != 3 or len(sizes) != 1 or 0 in sizes:
        raise _poor(choice, f"returned {len(vectors)} vectors of sizes {sorted(sizes)} for 3 texts")
    if not all(math.isfinite(number) for vector in vectors for number in vector):
        raise _poor(choice, "returned a vector with a number that is not finite")
    same, other = cosine(vectors[0], vectors[2]), cosine(vectors[0], vectors[1])
    if same < SAME_TEXT or other >= same:
        raise _poor(choice, f"rated a text {same:.3f} like itself and {other:.3f} like another")
    return f"{choice.model} gave vectors of {sizes.pop()} numbers{_remark(choice)}"


def check_magic() -> str:
    """A cell with ``%%ai`` in a real kernel shows an answer and nothing on stderr."""
    from local_assistant.setup.kernel_smoke import run_magic

    return run_magic(PROMPT, timeout_s=TIMEOUT_S)


def check_sidebar() -> str:
    """A message typed into the chat of a real JupyterLab is answered."""
    from local_assistant.setup.browser_smoke import run_sidebar

    return run_sidebar(PROMPT, timeout_s=TIMEOUT_S)


def check_ghost_text(config: AssistantConfig) -> str:
    """Code typed into a real JupyterLab gets text behind its cursor."""
    from local_assistant.setup.ghost_smoke import run_ghost_text

    return run_ghost_text(config, timeout_s=TIMEOUT_S)


def cosine(left: list[float], right: list[float]) -> float:
    """Return the cosine of two vectors; 0 where one of them is zero."""
    norms = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / norms if norms else 0.0


def _size(config: AssistantConfig) -> dict[str, int]:
    """Return the context size as chat and completion ask for it; another would load it anew."""
    size = config.chat.context_tokens
    return {"num_ctx": size} if size else {}


def _remark(choice: Choice) -> str:
    """What is worth knowing about who answers; of a stand-in it is said once, with the chat."""
    from local_assistant.server import DEMO_MODEL

    again = choice.model == DEMO_MODEL and choice.role != "chat"
    return f" ({choice.notice})" if choice.notice and not again else ""


def _poor(choice: Choice, what: str) -> AssistantError:
    return AssistantError(
        f"The model {choice.model} at {choice.endpoint.url} {what}.",
        f"Choose another one: jupyter assistant use MODEL --for {choice.role}",
    )
