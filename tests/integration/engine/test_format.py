"""``format``: JSON and schemas, in both endpoints; what is no schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from pydantic import BaseModel

from local_assistant.engine.text.formats import closed
from tests.integration.engine.http_checks import lines, refused, user, whole

WARM = {"temperature": 1.2, "num_predict": 300}


class Kind(BaseModel):
    open: bool
    size: int


class Thing(BaseModel):
    name: bool
    kinds: list[Kind]
    one: Kind


SCHEMA = Thing.model_json_schema()


def _text(chunk: dict[str, Any]) -> str:
    return str(chunk.get("response", chunk.get("message", {}).get("content", "")))


def _asked(path: str) -> dict[str, Any]:
    return {"prompt": "a"} if path == "generate" else {"messages": [user("a")]}


@pytest.mark.parametrize("path", ["generate", "chat"])
def test_a_schema_with_no_property_of_the_model_s_own(
    engine_http: httpx.Client, tiny: str, path: str
) -> None:
    """Random weights would write anything; some seeds do not come to an end."""
    done = 0
    for seed in range(6):
        body = {"model": tiny, "format": SCHEMA, "options": {**WARM, "seed": seed}, **_asked(path)}
        answer = whole(engine_http, path, **body)
        assert _text(answer).lstrip().startswith("{")
        if answer["done_reason"] == "stop":
            Thing.model_validate_json(_text(answer))
            assert set(json.loads(_text(answer))) == {"name", "kinds", "one"}
            done += 1
    assert done


@pytest.mark.parametrize("path", ["generate", "chat"])
def test_json_streams(engine_http: httpx.Client, tiny: str, path: str) -> None:
    options = {"temperature": 0, "num_predict": 40}
    chunks = lines(engine_http, path, model=tiny, format="json", options=options, **_asked(path))
    text = "".join(_text(chunk) for chunk in chunks)
    assert text.lstrip().startswith("{")


@pytest.mark.parametrize("path", ["generate", "chat"])
def test_no_format(engine_http: httpx.Client, talking: Callable[..., str], path: str) -> None:
    clock = talking("clock", "It is ", "nine ", "o'clock.")
    for nothing in (None, ""):
        answer = whole(engine_http, path, model=clock, format=nothing, **_asked(path))
        assert _text(answer) == "It is nine o'clock."


@pytest.mark.parametrize("path", ["generate", "chat"])
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_no_format(engine_http: httpx.Client, tiny: str, path: str, stream: bool) -> None:
    def refusal(form: Any) -> tuple[int, str]:
        body = {"model": tiny, "format": form, "stream": stream, **_asked(path)}
        return refused(engine_http, path, **body)

    end = '; expected "json" or a valid JSON Schema object'
    assert refusal("xml") == (500, 'invalid format: "\\"xml\\""' + end)
    assert refusal(5) == (500, 'invalid format: "5"' + end)
    assert refusal([1, "a"]) == (500, 'invalid format: "[1,\\"a\\"]"' + end)
    status, why = refusal({"type": "nonsense"})
    assert status == 400
    assert why.startswith("invalid format: JSON schema error")
    assert "nonsense" in why


def test_the_client(engine_client: ollama.Client, tiny: str) -> None:
    small = Kind.model_json_schema()
    options = {**WARM, "seed": 1}
    for answer in (
        engine_client.generate(tiny, "a", format=small, options=options).response,
        engine_client.chat(
            tiny, messages=[user("a")], format=small, options=options
        ).message.content,
    ):
        assert isinstance(Kind.model_validate_json(answer or "").open, bool)


def test_closed_schemas() -> None:
    inside = {"type": "object", "properties": {"properties": {"type": "string"}}}
    shut = {**inside, "additionalProperties": False}
    free = {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}
    whole_one = {
        "properties": {"a": inside, "b": free, "c": {"items": [inside]}},
        "$defs": {"X": inside},
        "enum": [{"properties": {}}],
    }
    assert closed(whole_one) == {
        "properties": {"a": shut, "b": free, "c": {"items": [shut]}},
        "$defs": {"X": shut},
        "enum": [{"properties": {}}],
        "additionalProperties": False,
    }
    joined = {"allOf": [inside], "properties": {"z": {}}}
    assert closed(joined) == joined
