"""Where pages and chats meet: what each page sees just now, and which chats there are.

Contract: one for a Jupyter server, on its event loop only; kept in memory, nowhere else. A page
has a name of its own, which goes along with each of its messages (:func:`told_for`), so that of
several pages the one that asks is known. What a page had told when a message came is kept for
that message (:class:`Arrivals`): while it waits for a model, its writer goes on working.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from local_assistant.lab.chat.memory import recalled_of

if TYPE_CHECKING:
    from local_assistant.lab.chat.context import Context
    from local_assistant.lab.chat.seen import Seen
    from local_assistant.lab.chat.sharing import Sharing

_OVERTAKEN_S = 2.0
_LOOK_S = 0.01
_MOST = 32
"""Pages; what was told longest ago is forgotten first."""
_MOST_WAITING = 16
"""Messages of one chat for which is kept what its page had told; it can be a whole notebook."""


@dataclass(frozen=True)
class Told:
    """What a page has told last.

    Attributes:
        number: counts what it tells.
        seen: what is open in it.
        context: what of that goes along with a question.
    """

    number: int = 0
    seen: Seen | None = None
    context: Context | None = None


_told: OrderedDict[str, Told] = OrderedDict()
_chats: WeakValueDictionary[int, Sharing] = WeakValueDictionary()
_next = count()


def tell(page: str, told: Told) -> None:
    """Keep what a page tells, unless it has told something newer meanwhile."""
    if page in _told and _told[page].number > told.number:
        return
    _told[page] = told
    _told.move_to_end(page)
    while len(_told) > _MOST:
        _told.popitem(last=False)


async def told_for(message: Any) -> Told | None:
    """Return what the page that a message comes from has told last.

    The message may overtake what its page told just before: that is waited for a moment.
    """
    page, number = recalled_of(message, "page"), recalled_of(message, "number")
    if not isinstance(page, str):
        return None
    deadline = time.monotonic() + _OVERTAKEN_S
    while isinstance(number, int) and time.monotonic() < deadline:
        if page in _told and _told[page].number >= number:
            break
        await asyncio.sleep(_LOOK_S)
    return _told.get(page)


class Arrivals:
    """What its page had told when each message of one chat came, the last messages' only."""

    def __init__(self) -> None:
        self._arrived: OrderedDict[str, asyncio.Task[Told | None]] = OrderedDict()

    def note(self, message: Any) -> None:
        """Look at what the page of a message tells as it comes; waits for nothing itself."""
        if message.id in self._arrived:
            return
        self._arrived[message.id] = asyncio.create_task(told_for(message))
        while len(self._arrived) > _MOST_WAITING:
            self._arrived.popitem(last=False)

    async def told(self, message: Any) -> Told | None:
        """Return what was told when a message came; of one from long ago what is told now."""
        arrived = self._arrived.get(message.id)
        if arrived is None:
            return await told_for(message)
        # Shielded: whoever stops an answer can ask for it again.
        return await asyncio.shield(arrived)

    def forget(self, message: Any) -> None:
        """Forget what was told: it was nothing to work on, and the next look may find something."""
        self._arrived.pop(message.id, None)

    def close(self) -> None:
        """Look no longer."""
        for arrived in self._arrived.values():
            arrived.cancel()


def join(chat: Sharing) -> None:
    """Let pages find a chat, as long as it is there."""
    _chats[next(_next)] = chat


def chat_at(path: str) -> Sharing | None:
    """Return the chat with this path from JupyterLab's folder, as it was opened last."""
    chats = sorted(_chats.items(), reverse=True)
    return next((chat for _, chat in chats if chat.path == path), None)
