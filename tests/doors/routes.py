"""A Jupyter server extension for the tests: it tells every route of the server that it is in.

Not a list that somebody keeps by hand: a new handler, ours or another extension's, is in it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.routing import PathMatches
from tornado.web import authenticated

OWN = "/test-doors/routes"


class RoutesHandler(APIHandler):
    @authenticated
    def get(self) -> None:
        self.finish(json.dumps(sorted(set(_routes(self.application.default_router)))))


def _routes(router: Any) -> list[tuple[str, str, bool]]:
    """Return an address that fits, the handler's name, and whether it is a WebSocket."""
    found = []
    for rule in router.rules:
        if hasattr(rule.target, "rules"):
            found += _routes(rule.target)
        elif isinstance(rule.matcher, PathMatches):
            address = sample(rule.matcher.regex.pattern)
            name = f"{rule.target.__module__}.{rule.target.__qualname__}"
            found.append((address, name, hasattr(rule.target, "on_message")))
    return found


def sample(pattern: str) -> str:
    """Return a path that a handler's pattern takes, as far as that is easily said."""
    text = pattern.removesuffix("$")
    while (inner := re.search(r"\((?:\?:|\?P<\w+>)?([^()]*)\)([?*+]?)", text)) is not None:
        choice = inner[1].partition("|")[0]
        text = text[: inner.start()] + (choice or "x") + text[inner.end() :]
    text = re.sub(r"\[[^\]]*\][+*]?|\\w[+*]|\\d[+*]|\.[+*]", "x", text)
    return re.sub(r"\{[^}]*\}|[?*+^]", "", text).replace("\\", "")


def _load_jupyter_server_extension(server: Any) -> None:
    server.web_app.add_handlers(".*", [(OWN, RoutesHandler)])


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.doors.routes"}]
