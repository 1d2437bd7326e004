"""What was suggested before: going back costs nothing, nor does typing what was suggested.

Contract: pure, bounded. An entry serves a later state of the same place if what was typed
since is the beginning of its text; the answer is then the rest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

SIZE = 96


@dataclass(frozen=True)
class Entry:
    """One finished suggestion for one state."""

    prefix: str
    text: str
    reason: str
    message: str | None
    whole: bool = True
    """Whether nothing was left out at its end by a limit."""

    def rest(self, prefix: str) -> str | None:
        """Return what is left of the text for ``prefix``, None if it does not serve it."""
        typed = typed_since(self.prefix, prefix)
        if typed is None or not self.text.startswith(typed):
            return None
        left = self.text[len(typed) :]
        return left if left or not typed else None


def typed_since(old: str, new: str) -> str | None:
    """Return what was typed between two states of the text before the cursor."""
    if len(new) < len(old) or len(new) - len(old) > 4_096 or not new.startswith(old):
        return None
    return new[len(old) :]


class Cache:
    """The last suggestions, by everything that decides one but the text before the cursor."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[Hashable, str], Entry] = OrderedDict()

    def find(self, key: Hashable, prefix: str) -> tuple[Entry, str] | None:
        """Return an entry and what it suggests for ``prefix``."""
        exact = self._entries.get((key, prefix))
        if exact is not None:
            self._entries.move_to_end((key, prefix))
            return exact, exact.text
        for (known, _), entry in reversed(self._entries.items()):
            if known == key and entry.text:
                left = entry.rest(prefix)
                if left:
                    return entry, left
        return None

    def put(self, key: Hashable, entry: Entry) -> None:
        self._entries[(key, entry.prefix)] = entry
        self._entries.move_to_end((key, entry.prefix))
        while len(self._entries) > SIZE:
            self._entries.popitem(last=False)
