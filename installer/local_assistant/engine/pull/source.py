"""Where the bytes of one file come from, and who may have them.

Contract: :meth:`Source.open` asks for a range of a file. The address that a redirect to
another host leads to (signed, without our credential) is kept for the other ranges, and
asked for anew when it has expired.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from local_assistant.engine.pull.errors import PullError, Status, WebError
from local_assistant.engine.pull.network import origin
from local_assistant.engine.pull.web import Patience, Response, Scope, Session

_EXPIRED = (400, 401, 403, 404, 410)
_Found = TypeVar("_Found")


class Access:
    """The credential for one server; this one never gets another than it was given."""

    def __init__(self, credential: str = "") -> None:
        self.credential = credential

    def renew(self, session: Session, refused: Response) -> bool:
        """Get a credential after a 401; False if there is none to be had."""
        return False


Explain = Callable[[Status], PullError]


class Source:
    """One file at a server.

    Args:
        url: where it is.
        access: who may have it.
        explain: says what the server's refusals mean.
    """

    def __init__(self, url: str, access: Access, explain: Explain | None = None) -> None:
        self.url = url
        self.explain = explain
        self._access = access
        self._direct = ""

    def open(self, session: Session, start: int, end: int) -> Response:
        """Ask for the bytes from ``start`` up to ``end``; the answer may be the whole file.

        Raises:
            WebError: there are none.
        """
        headers = {"Range": f"bytes={start}-{end - 1}"}
        direct = self._direct
        if direct:
            response = session.get(direct, headers)
            if response.status not in _EXPIRED:
                return _checked(response)
            session.drop()
            self._direct = ""
        response = get(session, self.url, headers, self._access)
        if origin(response.url) != origin(self.url):
            self._direct = response.url
        return _checked(response)


def get(session: Session, url: str, headers: dict[str, str], access: Access) -> Response:
    """Return the answer of ``url``, with a credential where it wants one."""
    response = session.get(url, headers, access.credential)
    at_home = origin(response.url) == origin(url)
    if response.status == 401 and at_home and access.renew(session, response):
        response = session.get(url, headers, access.credential)
    return response


def _checked(response: Response) -> Response:
    if response.status not in (200, 206):
        raise response.error()
    return response


def patiently(scope: Scope, action: Callable[[], _Found]) -> _Found:
    """Do ``action`` again while the server is busy, stumbles or cuts the line."""
    tries, pause_s = _few(scope.patience), scope.patience.first_pause_s
    while True:
        tries -= 1
        try:
            return action()
        except WebError as error:
            if tries <= 0 or not error.again or error.unreachable:
                raise
            scope.pause(pause_for(error, pause_s, scope.patience))
            pause_s *= 2


def pause_for(error: WebError, pause_s: float, patience: Patience) -> float:
    """Return how long to wait before the next try.

    Raises:
        WebError: the server asks for more time than anybody waits.
    """
    asked = error.retry_after_s if isinstance(error, Status) else 0.0
    if asked > patience.longest_pause_s:
        raise error
    return max(asked, min(pause_s, patience.longest_pause_s))


def _few(patience: Patience) -> int:
    return max(1, patience.tries - 2)
