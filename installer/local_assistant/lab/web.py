"""What our HTTP endpoints in the Jupyter server share.

Contract: cheap to import. JSON in, JSON out; a failure is an object with a message and a fix.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError


def look_nothing_up(settings: dict[str, Any]) -> None:
    """Have the browser look up no name of a link before it is clicked.

    On a page without TLS Chromium does so: a link in a model's answer could tell by its host's name
    what the model has read.
    """
    headers = dict(settings.get("headers", {}))
    settings["headers"] = {"X-DNS-Prefetch-Control": "off", **headers}


class Handler(APIHandler):  # type: ignore[misc]  # jupyter_server is not typed for us
    """An endpoint of the assistant."""

    auth_resource = "local_assistant"

    def reply(self, value: dict[str, Any], status: int = 200) -> None:
        """Answer with one JSON object."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value))

    def body(self) -> Any:
        try:
            return json.loads(self.request.body or b"null")
        except ValueError as error:
            raise HTTPError(400, "The body is not JSON.") from error
