"""``format``: an answer that must be JSON, or follow a schema.

Contract: what is not ``"json"`` or a schema is refused with Ollama's sentence. llama.cpp
passes over a schema that it cannot read where it is given with a prompt, and tells only with
a chat: so a schema is tried on an empty chat first.
"""

from __future__ import annotations

import json
from typing import Any

from local_assistant.engine.runtime.scheduler import Loaded
from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.text import generation
from local_assistant.engine.wire.requests import TextRequest
from local_assistant.engine.wire.shapes import ApiError

_ANY_OBJECT = {"type": "object"}
_GUIDANCE = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
"""Else a small model may write blanks without end."""
_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
_VALUES = ("enum", "const", "default", "examples", "allOf", "required", "type")
"""What is no schema, and what another schema goes on with."""
_OPEN = {"additionalProperties", "unevaluatedProperties", "patternProperties", "allOf", "anyOf",
         "oneOf", "$ref", "not", "if"}  # fmt: skip
_SCHEMA_ERROR = "JSON schema error"


def schema_of(request: TextRequest) -> dict[str, Any] | None:
    """Return the schema that the answer must follow; ``None`` where it is free.

    Raises:
        ApiError: the format is none (500, as Ollama answers it).
    """
    value = request.format
    if value is None or value == "":
        return None
    if value == "json":
        return _ANY_OBJECT
    if isinstance(value, dict):
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    shown = json.dumps(text, ensure_ascii=False)
    raise ApiError(500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object')


async def completion_fields(request: TextRequest, loaded: Loaded) -> dict[str, Any]:
    """Return the fields for a prompt.

    Raises:
        ApiError: the format is none, or a schema that llama.cpp does not take (400).
    """
    schema = schema_of(request)
    if schema is None:
        return {}
    await _tried(schema, loaded)
    return {"json_schema": {**closed(schema), "x-guidance": _GUIDANCE}}


def closed(schema: Any) -> Any:
    """Return a schema whose objects have no other properties than it says.

    llama.cpp reads schemas so in a chat and in Ollama; with a prompt its other reader would
    let the model go on with properties of its own.
    """
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {
        key: value if key in _VALUES else _named(value) if key in _NAMED else closed(value)
        for key, value in schema.items()
    }
    if isinstance(schema.get("properties"), dict) and not _OPEN & schema.keys():
        result["additionalProperties"] = False
    return result


def _named(schemas: Any) -> Any:
    if not isinstance(schemas, dict):
        return schemas
    return {name: closed(schema) for name, schema in schemas.items()}


async def chat_fields(request: TextRequest, loaded: Loaded) -> dict[str, Any]:
    """Return the fields for a chat.

    Raises:
        ApiError: the format is none, or a schema that llama.cpp does not take (400).
    """
    schema = schema_of(request)
    return {} if schema is None else _response_format(await _tried(schema, loaded))


async def _tried(schema: dict[str, Any], loaded: Loaded) -> dict[str, Any]:
    if schema is _ANY_OBJECT:
        return schema
    empty = {"messages": [{"role": "user", "content": "a"}], **_response_format(schema)}
    try:
        await generation.apply_template(loaded, empty)
    except UpstreamError as error:
        _, found, what = error.message.partition(_SCHEMA_ERROR)
        if not found:
            raise
        raise ApiError(400, f"invalid format: {found}{what}") from error
    return schema


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    wrapped = {"name": "schema", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": wrapped}}
