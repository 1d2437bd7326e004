"""What a page tells of its user, as the endpoint takes it."""

from __future__ import annotations

import itertools
from typing import Any

from local_assistant.lab.chat import context, pages, seen

_numbers = itertools.count(1)


def looks_at(page: str, said: dict[str, Any]) -> None:
    """Have a page tell what its user looks at."""
    shown = seen.read_seen(said)
    pages.tell(page, pages.Told(next(_numbers), shown, context.context_of(shown)))
