"""Asking the engine over plain HTTP, and what every answer has in common."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

FEW = {"temperature": 0, "num_predict": 5}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
METRICS = {
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
    "cached_count",
}


def lines(http: httpx.Client, path: str, **body: Any) -> list[dict[str, Any]]:
    """Return the chunks of a streamed answer, whose form is checked."""
    reply = http.post(f"/api/{path}", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.content.endswith(b"\n")
    assert b"\n\n" not in reply.content
    return [json.loads(line) for line in reply.content.splitlines()]


def whole(http: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    """Return an answer in one piece, whose form is checked."""
    reply = http.post(f"/api/{path}", json={"stream": False, **body})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert not reply.content.endswith(b"\n")
    answer: dict[str, Any] = reply.json()
    return answer


def refused(http: httpx.Client, path: str, **body: Any) -> tuple[int, str]:
    """Return the status and the sentence of a refusal."""
    reply = http.post(f"/api/{path}", json=body)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert list(reply.json()) == ["error"]
    return reply.status_code, reply.json()["error"]


def prompt_of(http: httpx.Client, path: str, **body: Any) -> str:
    """Return the prompt that a request would be for the model."""
    reply = http.post(f"/api/{path}", json={"_debug_render_only": True, **body})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["_debug_info"]["rendered_template"])


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}
