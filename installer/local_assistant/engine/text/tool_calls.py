"""Tool calls in a model's answer.

Contract: pure. :class:`NativeCalls` puts together what llama.cpp has found by the GGUF's own
chat template. :class:`ToolParser` finds calls in plain text, for models that are prompted by
a Go template, in the way of Ollama's parser: by the tag that the template writes before a
call, the tools' names, and the first JSON object after one.
"""

from __future__ import annotations

import json
import secrets
import string
from typing import Any

from local_assistant.engine.wire.shapes import ApiError


class NativeCalls:
    """Tool calls collected from the pieces of llama.cpp's stream."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}

    def take(self, deltas: list[dict[str, Any]]) -> None:
        for delta in deltas:
            call = self._calls.setdefault(
                delta.get("index", 0), {"id": "", "name": "", "arguments": ""}
            )
            function = delta.get("function") or {}
            call["id"] += delta.get("id") or ""
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def fields(self) -> dict[str, Any]:
        """Return the message's field; nothing where there was no call.

        Raises:
            ApiError: the arguments of a call are no JSON object.
        """
        if not self._calls:
            return {}
        out = []
        for index, call in sorted(self._calls.items()):
            arguments = _object(call["arguments"].strip() or "{}")
            if arguments is None:
                raise ApiError(
                    500,
                    f'the model called "{call["name"]}" with arguments that are no JSON object',
                )
            function = {"index": index, "name": call["name"], "arguments": arguments}
            out.append({"id": call["id"] or new_id(), "function": function})
        return {"tool_calls": out}


def new_id() -> str:
    letters = string.ascii_lowercase + string.digits
    return "call_" + "".join(secrets.choice(letters) for _ in range(8))


_OFTEN = 2048
_CLOSING = {"}", "]"}


class ToolParser:
    """Finds calls of the given tools in text that comes piece by piece."""

    def __init__(self, tag: str, tools: list[Any]) -> None:
        self.tag = tag
        self._names = [_name(tool) for tool in tools]
        self._state = "text"
        self._held = ""
        self._count = 0

    @property
    def _bare(self) -> bool:
        return self.tag in ("{", "[")

    def add(self, text: str) -> tuple[list[dict[str, Any]], str]:
        """Return the calls that are whole by now, and the text that is no call."""
        if self._state == "done":
            return [], text
        self._held += text
        before = ""
        if self._state == "text":
            found = self._held.find(self.tag)
            at = found if found >= 0 else len(self._held) - self._begun()
            before, self._held = self._held[:at], self._held[at:]
            if self._bare and before.strip():
                # Braces later in a text are no call.
                self._state = "done"
                before, self._held = before + self._held, ""
                return [], before
            if found < 0:
                return [], before
            self._state = "calls"
        if len(self._held) > _OFTEN and not _CLOSING & set(text):
            return [], before  # nothing can have ended, and a look at all of it takes time
        calls = []
        while (call := self._next()) is not None:
            calls.append(call)
        if self._closed():
            self._state = "done"
            before, self._held = before + self._held, ""
        return calls, before

    def end(self) -> str:
        """Return the text that was held back for a call that did not come."""
        held, self._held = self._held, ""
        return "" if self._count or not self._bare else held

    def _begun(self) -> int:
        """Return how many characters at the end may begin the tag."""
        for size in range(min(len(self._held), len(self.tag)), 0, -1):
            if self._held.endswith(self.tag[:size]):
                return size
        return 0

    def _next(self) -> dict[str, Any] | None:
        name, end = self._tool()
        if name is None:
            return None
        found = _arguments(self._held, name)
        if found is None:
            return None
        arguments, last = found
        self._held = self._held[max(end, last) :]
        function = {"index": self._count, "name": name, "arguments": arguments}
        self._count += 1
        return {"id": new_id(), "function": function}

    def _tool(self) -> tuple[str | None, int]:
        """Return the first tool named in the text; none while a name may go on."""
        longest = max(map(len, self._names), default=0)
        for size in range(1, min(len(self._held), longest) + 1):
            tail = self._held[-size:]
            if any(len(tail) < len(name) and name.startswith(tail) for name in self._names):
                return None, 0
        places = [(self._held.find(name), -len(name), name) for name in self._names if name]
        places = [place for place in places if place[0] >= 0]
        if not places:
            return None, 0
        start, _, name = min(places)
        return name, start + len(name)

    def _closed(self) -> bool:
        """Whether bare JSON has come to its end without being a call."""
        if not self._bare:
            return False
        opening, closing = ("{", "}") if self.tag == "{" else ("[", "]")
        depth = 0
        for char, _ in _outside_strings(self._held):
            depth += (char == opening) - (char == closing)
            if char == closing and depth == 0:
                return True
        return False


def _name(tool: Any) -> str:
    function = tool.get("function") if isinstance(tool, dict) else None
    return str(function.get("name") or "") if isinstance(function, dict) else ""


def _outside_strings(text: str) -> list[tuple[str, int]]:
    """Return the characters that are in no JSON string, with their places."""
    found, inside, escaped = [], False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            inside = not inside
        elif not inside:
            found.append((char, at))
    return found


def _arguments(text: str, name: str) -> tuple[dict[str, Any], int] | None:
    """Return the arguments in the first JSON object of ``text``, and the object's last place."""
    depth, start = 0, -1
    for char, at in _outside_strings(text):
        if char == "{":
            start = at if depth == 0 else start
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0 and start >= 0:
                value = _object(text[start : at + 1])
                if value is not None:
                    found, arguments = _search(value, name)
                    return (arguments or {}) if found else value, at
                start = -1
    return None


def _search(value: dict[str, Any], name: str) -> tuple[bool, dict[str, Any] | None]:
    """Return whether there is a call in the object, and its arguments."""
    if "name" in value:
        for key in ("arguments", "parameters"):
            arguments = _as_object(value.get(key))
            if arguments is not None:
                return True, arguments
        return True, None
    arguments = _as_object(value.get(name))
    if arguments is not None:
        return True, arguments
    for item in value.values():
        for child in item if isinstance(item, list) else [item]:
            if isinstance(child, dict):
                found, arguments = _search(child, name)
                if found:
                    return True, arguments
    return False, None


def _as_object(value: Any) -> dict[str, Any] | None:
    return _object(value) if isinstance(value, str) else value if isinstance(value, dict) else None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
