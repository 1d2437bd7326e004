"""Shapes of JSON answers: what is sent, and what the user gets."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sys
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from local_assistant.errors import AssistantError
from local_assistant.lab.magics.schema import ANY, Unfit, shape, shape_named


class City(BaseModel):
    name: str
    founded: datetime.date | None = None


ZURICH = City(name="Zürich", founded=datetime.date(15, 1, 1))


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Pair(TypedDict):
    a: int


SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}},
    "required": ["n"],
}


@pytest.mark.parametrize(
    ("source", "value", "read"),
    [
        (SCHEMA, {"n": 3}, {"n": 3}),
        (City, {"name": "Zürich", "founded": "0015-01-01"}, ZURICH),
        (list[City], [{"name": "Rome"}], [City(name="Rome")]),
        (Point, {"x": 1, "y": 2}, Point(1, 2)),
        (dict[str, float], {"a": 1.5}, {"a": 1.5}),
        (int | str, "a", "a"),
        (Pair, {"a": 1}, {"a": 1}),
    ],
)
def test_an_answer_that_fits_becomes_an_object(source: Any, value: Any, read: Any) -> None:
    made = shape(source)
    assert made.read(value) == read
    assert json.loads(json.dumps(made.wire)) == made.wire


@pytest.mark.parametrize(
    ("source", "value", "where"),
    [
        (SCHEMA, {"n": 0}, "answer.n: 0 is less than"),
        (SCHEMA, {}, "answer: 'n' is a required property"),
        (list[City], [{"name": "Rome"}, {}], "answer[1].name: Field required"),
        (Point, {"x": "one", "y": 2}, "answer.x"),
        ({"$ref": "https://far.example/s.json"}, {}, "refers to what is not in it"),
    ],
)
def test_an_answer_that_does_not_fit_is_told_where(source: Any, value: Any, where: str) -> None:
    with pytest.raises(Unfit) as caught:
        shape(source).read(value)
    assert where in str(caught.value)


def test_a_path_is_a_schema_too(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    assert shape_named("chosen", {"chosen": file}).wire == SCHEMA
    assert shape_named(str(file), {}).wire == SCHEMA


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("Citty", ("Citty", "Did you mean City?")),
        ("number", ("number is an int", "pydantic model")),
        ("bad", ("bad is not a JSON schema",)),
        ("./nowhere.json", ("nowhere.json cannot be read",)),
        ("model", ("model is a City",)),
        ("strange", ("strange is a type",)),
    ],
)
def test_what_is_no_schema_is_named(word: str, words: tuple[str, ...]) -> None:
    class Strange:
        pass

    names = {"City": City, "number": 3, "bad": {"type": "nonsense"}, "model": City(name="Rome"),
             "strange": Strange}  # fmt: skip
    with pytest.raises(AssistantError) as caught:
        shape_named(word, names)
    for said in words:
        assert said in str(caught.value)


def test_a_dict_of_typing_is_taken_or_refused_with_the_one_to_take() -> None:
    """Before Python 3.12 pydantic is told too little by it."""
    names = {"old": list[typing.TypedDict("Old", {"a": int})]}  # type: ignore[misc]
    if sys.version_info >= (3, 12):
        assert shape_named("old", names).read([{"a": 1}]) == [{"a": 1}]
        return
    with pytest.raises(AssistantError, match=r"before Python 3\.12") as caught:
        shape_named("old", names)
    assert "typing_extensions" in (caught.value.fix or "")


def test_without_a_schema_objects_and_lists_are_asked_for() -> None:
    assert ANY.read([1, {"a": 2}]) == [1, {"a": 2}]
    assert [kind["type"] for kind in ANY.wire["anyOf"]] == ["object", "array"]
