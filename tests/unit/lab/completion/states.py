"""An editor's state from one text with the cursor in it."""

from __future__ import annotations

from typing import Any

from local_assistant.lab.completion.request import CompletionRequest, parse

CURSOR = "‸"


def state(text: str, **more: Any) -> CompletionRequest:
    """Return the request for ``text``; ‸ is the cursor."""
    prefix, _, suffix = text.partition(CURSOR)
    body: dict[str, Any] = {
        "page": "p",
        "trigger": "auto",
        "path": "nb.ipynb",
        "mime": "text/x-ipython",
        "kind": "notebook",
        "cell_type": "code",
        "prefix": prefix,
        "suffix": suffix,
        "before": [],
        "after": [],
    }
    return parse({**body, **more})


def code(*sources: str) -> list[dict[str, str]]:
    """Return code cells as the browser sends them."""
    return [{"type": "code", "source": source} for source in sources]
