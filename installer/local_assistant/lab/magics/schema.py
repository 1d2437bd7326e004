"""Which JSON an answer must be, and the Python object that it becomes.

Contract: a shape is made from what the user already has: a JSON schema (dict, or a path to a
.json file), a pydantic model, a dataclass, a ``TypedDict``, or a type such as ``list[int]``. Its
``wire`` goes to the server as Ollama's ``format``, so that the model can write nothing else;
:meth:`Shape.read` checks the answer all the same, because not every server keeps to it.
pydantic and jsonschema are imported on first use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

from local_assistant.errors import AssistantError

ANY_JSON: dict[str, Any] = {"anyOf": [{"type": "object"}, {"type": "array"}]}
"""What ``-f json`` asks for: Ollama's own "json" would allow objects only."""

_WHAT_FITS = "a dict with a JSON schema, a pydantic model, a type, or a path to a .json file"


class Unfit(Exception):
    """An answer is JSON, and not of the wanted shape; the text says where."""


@dataclass(frozen=True)
class Shape:
    """The form of one JSON answer.

    Attributes:
        wire: the schema as it is sent.
        read: turns parsed JSON into the object that the user gets, or raises Unfit.
    """

    wire: dict[str, Any]
    read: Callable[[Any], Any]


ANY = Shape(ANY_JSON, lambda value: value)


def shape_named(word: str, namespace: Mapping[str, Any]) -> Shape:
    """Return the shape that ``--schema WORD`` means: a variable, else a file.

    Raises:
        AssistantError: there is no such thing, or it is no schema.
    """
    if word in namespace:
        return shape(namespace[word], word)
    if word.isidentifier():
        raise _undefined(word, namespace)
    return shape(Path(word), word)


def shape(source: object, name: str = "The schema") -> Shape:
    """Return the shape that a dict, a type, or a path describes.

    Raises:
        AssistantError: it is no schema.
    """
    if isinstance(source, (str, Path)):
        source = _from_file(Path(source))
    if isinstance(source, Mapping):
        return _from_schema(dict(source), name)
    return _from_type(source, name)


def _from_file(path: Path) -> object:
    try:
        return json.loads(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssistantError(
            f"The schema {path} cannot be read: {error}.", "Name a file with a JSON schema."
        ) from error


def _from_schema(schema: dict[str, Any], name: str) -> Shape:
    import jsonschema
    from jsonschema_specifications import REGISTRY
    from referencing.exceptions import Unresolvable

    try:
        kind = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise AssistantError(
            f"{name} is not a JSON schema: {error.message}.", "Correct it."
        ) from error
    # With its own registry it looks nothing up on the net.
    checker = kind(schema, registry=REGISTRY)

    def read(value: Any) -> Any:
        try:
            problem = jsonschema.exceptions.best_match(checker.iter_errors(value))
        except Unresolvable as error:
            raise Unfit(f"the schema refers to what is not in it: {error}") from error
        if problem is not None:
            raise Unfit(f"{_path(problem.absolute_path)}: {problem.message}")
        return value

    return Shape(schema, read)


def _from_type(source: Any, name: str) -> Shape:
    from pydantic import (
        PydanticSchemaGenerationError,
        PydanticUserError,
        TypeAdapter,
        ValidationError,
    )

    no_type = AssistantError(
        f"{name} is {_article(source)}, and a schema is {_WHAT_FITS}.",
        "Name one of these with --schema.",
    )
    if not (isinstance(source, type | UnionType) or hasattr(source, "__origin__")):
        raise no_type
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(source)
        wire = adapter.json_schema()
    except PydanticUserError as error:
        if error.code == "typed-dict-version":
            raise AssistantError(
                f"{name} cannot be checked: before Python 3.12, typing.TypedDict tells too little.",
                "Import TypedDict from typing_extensions.",
            ) from error
        raise no_type from error
    except PydanticSchemaGenerationError as error:
        raise no_type from error

    def read(value: Any) -> Any:
        try:
            # As JSON, where a date is a text and a tuple is a list.
            return adapter.validate_json(json.dumps(value))
        except ValidationError as error:
            first = error.errors()[0]
            raise Unfit(f"{_path(first['loc'])}: {first['msg']}") from error

    return Shape(wire, read)


def _path(steps: Any) -> str:
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return f"answer{said}"


def _article(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def _undefined(name: str, namespace: Mapping[str, Any]) -> AssistantError:
    import difflib

    close = difflib.get_close_matches(name, [n for n in namespace if not n.startswith("_")], n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return AssistantError(
        f"--schema names {name}, which is not defined here.{meant}", f"A schema is {_WHAT_FITS}."
    )
