"""The model server as completion uses it: Ollama's API over a kept-alive connection.

Contract: asyncio; one pool of connections per endpoint. Leaving a stream, also by
cancellation, closes its connection at once, at which the server stops generating. Failures
are ``ServerGone`` (nothing answers any more) and ``ServerError`` (it answered, with an error).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from local_assistant.server.client import ServerError, ServerGone, server_name
from local_assistant.server.endpoint import Endpoint

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 600.0


class ModelServer:
    """Requests to one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        headers = {"Accept": "application/json"}
        if endpoint.token:
            headers["Authorization"] = f"Bearer {endpoint.token}"
        self._http = httpx.AsyncClient(
            base_url=endpoint.url,
            headers=headers,
            # A proxy of the environment must not get to see what is typed.
            trust_env=not endpoint.local,
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_keepalive_connections=4, keepalive_expiry=20.0),
        )

    async def get(self, path: str, timeout_s: float = 30.0) -> dict[str, Any]:
        """Return the JSON object at ``path``."""
        return await self._call("GET", path, None, timeout_s)

    async def post(
        self, path: str, body: dict[str, Any], timeout_s: float = READ_TIMEOUT_S
    ) -> dict[str, Any]:
        """Post ``body`` and return the JSON object that comes back."""
        return await self._call("POST", path, body, timeout_s)

    async def stream(self, path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the JSON lines of one answer."""
        content = json.dumps(body, separators=(",", ":"))
        headers = {"Content-Type": "application/json"}
        try:
            async with self._http.stream("POST", path, content=content, headers=headers) as reply:
                if reply.status_code != 200:
                    raise self._refusal(await reply.aread(), reply.status_code, body)
                async for line in reply.aiter_lines():
                    if not line:
                        continue
                    item = json.loads(line)
                    if "error" in item:
                        raise self._refusal(line.encode(), 500, body)
                    yield item
        except (httpx.TransportError, ValueError) as error:
            raise self._gone(error) from error

    async def close(self) -> None:
        with contextlib.suppress(httpx.HTTPError):  # it is given up anyway
            await self._http.aclose()

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None, timeout_s: float
    ) -> dict[str, Any]:
        limits = httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
        content = None if body is None else json.dumps(body, separators=(",", ":"))
        headers = {"Content-Type": "application/json"} if body is not None else None
        try:
            reply = await self._http.request(
                method, path, content=content, headers=headers, timeout=limits
            )
            if reply.status_code >= 300:
                raise self._refusal(reply.content, reply.status_code, body or {})
            found = json.loads(reply.content) if reply.content.strip() else {}
        except (httpx.TransportError, ValueError) as error:
            raise self._gone(error) from error
        return found if isinstance(found, dict) else {}

    def _gone(self, error: Exception) -> ServerGone:
        fix = "Look at its log: jupyter assistant logs"
        if not self.endpoint.local:
            fix = "Check its address: [server] url in assistant.toml, or OLLAMA_HOST."
        elif self.endpoint.kind == "ollama":
            fix = "Start it with: ollama serve"
        what = str(error) or type(error).__name__
        return ServerGone(f"{server_name(self.endpoint)} does not answer ({what}).", fix)

    def _refusal(self, raw: bytes, status: int, body: dict[str, Any]) -> ServerError:
        try:
            said: Any = json.loads(raw)["error"]
            said = said.get("message", "") if isinstance(said, dict) else said
        except (ValueError, KeyError, TypeError):
            said = raw.decode("utf-8", "replace").strip()[:200]
        fix = "See the log: jupyter assistant logs"
        if status == 404 and body.get("model"):
            fix = f"Get it with: jupyter assistant pull {body['model']}"
        elif self.endpoint.kind == "ollama":
            fix = "See Ollama's log: jupyter assistant logs ollama"
        what = str(said).rstrip(".") or f"HTTP status {status}"
        return ServerError(f"{server_name(self.endpoint)} says: {what}.", fix, status)
