"""The HTTP endpoint by which a page tells what its user looks at.

Contract: cheap to import; authenticated, authorised and protected against cross-site requests as
all of Jupyter's are. ``PUT chat/context`` keeps in memory what the page shows, which replaces
what it told before, and answers with the line for the chat's input. No file is read for it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from local_assistant.lab.web import Handler

_MOST_BYTES = 4_000_000
_LONGEST = 64


class ContextHandler(Handler):
    """``PUT chat/context``: what a page shows; and, with ``on``, whether it goes along."""

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def put(self) -> None:
        from local_assistant.lab.chat import context, pages, seen

        if len(self.request.body) > _MOST_BYTES:
            self._refuse("The page tells too much.", 413)
            return
        fields = self.body()
        try:
            page, number = _page(fields)
            shown = seen.read_seen(fields.get("seen"))
        except seen.Malformed as error:
            self._refuse(f"The page tells what cannot be read: {error}.", 400)
            return
        # In a thread: of a long notebook all cells are parsed.
        along = await asyncio.to_thread(context.context_of, shown)
        pages.tell(page, pages.Told(number, shown, along))
        chat = pages.chat_at(str(fields.get("chat") or ""))
        if chat is None:
            self.reply({"on": None, "text": "", "tokens": 0, "fixed": False})
            return
        if isinstance(fields.get("on"), bool):
            chat.switch(fields["on"])
        self.reply(chat.line(along, await chat.config()))

    def _refuse(self, message: str, status: int) -> None:
        self.reply({"message": message, "fix": "Reload the page."}, status)


def _page(fields: Any) -> tuple[str, int]:
    """Return which page tells, and the number of what it tells."""
    from local_assistant.lab.chat.seen import Malformed

    page, number = (
        (fields.get("page"), fields.get("number")) if isinstance(fields, dict) else (None, None)
    )
    if not isinstance(page, str) or not 0 < len(page) <= _LONGEST:
        raise Malformed("page")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Malformed("number")
    return page, number


HANDLERS = [("/local-assistant/chat/context", ContextHandler)]
