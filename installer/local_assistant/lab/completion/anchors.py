"""Where in a text the part begins that stands behind the middle token.

Contract: bounded memory of where it began for the last texts. With ``line_last`` a new line
would move everything behind the token's text before the cursor, and the text after the
cursor would be read again at every Enter. So that part may keep a family's ``lines_behind``
lines before it begins anew at the current line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from local_assistant.lab.completion.families import Family
from local_assistant.lab.completion.place import Place

_KEPT = 16
_LONGEST = 600


class Anchors:
    """The last beginnings, by what stands around the text."""

    def __init__(self) -> None:
        self._begun: OrderedDict[Hashable, str] = OrderedDict()

    def place(self, key: Hashable, place: Place, family: Family | None) -> int:
        """Return the index in ``place.before`` from which on text goes behind the token."""
        line_start = len(place.before) - len(place.line)
        if family is None or not family.lines_behind:
            return line_start
        before = self._begun.get(key)
        if before is not None and place.before.startswith(before):
            behind = place.before[len(before) :]
            if len(behind) <= _LONGEST and behind.count("\n") <= family.lines_behind:
                self._begun.move_to_end(key)
                return len(before)
        self._begun[key] = place.before[:line_start]
        self._begun.move_to_end(key)
        while len(self._begun) > _KEPT:
            self._begun.popitem(last=False)
        return line_start
