"""The tools that a model is offered, and how their arguments are checked.

Contract: pure. What a model gets to read of this is short: each word of it is in every request.
A call is never trusted: its name and arguments are checked here before anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class CannotDo(Exception):
    """Why a call was not carried out: one sentence, for the model and for the user."""


class Arguments(BaseModel):
    """What all tools' arguments share: nothing unknown, and no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ReadFile(Arguments):
    path: str = Field(description="The file, from JupyterLab's folder, as in data/a.csv")
    first_line: int = Field(1, ge=1)
    last_line: int = Field(0, ge=0, description="0: to the end")


class ListFiles(Arguments):
    folder: str = Field(".", description="From JupyterLab's folder")


class ReadCells(Arguments):
    notebook: str = Field("", description="A notebook's path; empty: the one that is open")
    first_cell: int = Field(1, ge=1)
    last_cell: int = Field(0, ge=0, description="0: to the last one")


class InsertCell(Arguments):
    source: str = Field(min_length=1)
    cell_type: str = Field("code", pattern="^(code|markdown)$", description="code or markdown")
    after: int = Field(
        -1, ge=-1, description="Number of the cell above it; 0: at the top; -1: where the user is"
    )


class RunCell(Arguments):
    cell: int = Field(ge=1, description="The cell's number")


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        changes: whether it changes something, and so needs a yes each time.
    """

    name: str
    description: str
    arguments: type[Arguments]
    changes: bool = False


TOOLS = (
    Tool("read_file", "Read a text file.", ReadFile),
    Tool("list_files", "List a folder.", ListFiles),
    Tool("read_cells", "Read a notebook's cells and their outputs.", ReadCells),
    Tool("insert_cell", "Insert a cell into the open notebook.", InsertCell, changes=True),
    Tool("run_cell", "Run a cell of the open notebook.", RunCell, changes=True),
)


def definitions() -> list[dict[str, Any]]:
    """Return the tools as a request offers them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": _parameters(tool.arguments),
            },
        }
        for tool in TOOLS
    ]


def _parameters(arguments: type[Arguments]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    kept = ("type", "description")
    properties = {
        name: {key: field[key] for key in kept if key in field}
        for name, field in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
    }


def checked(name: str, arguments: Mapping[str, Any]) -> tuple[Tool, Arguments]:
    """Return the tool that a call names, and its arguments.

    Raises:
        CannotDo: there is no such tool, or the arguments are none of its.
    """
    for tool in TOOLS:
        if tool.name == name:
            try:
                return tool, tool.arguments.model_validate(dict(arguments))
            except ValidationError as error:
                raise CannotDo(f"These are no arguments of {name}: {_wrong(error)}.") from error
    known = ", ".join(tool.name for tool in TOOLS)
    raise CannotDo(f"There is no tool called {name}; there are {known}.")


def _wrong(error: ValidationError) -> str:
    said = [
        f"{'.'.join(map(str, each['loc']))} ({each['msg'][:1].lower()}{each['msg'][1:]})"
        for each in error.errors(include_url=False, include_input=False)
    ]
    return "; ".join(said[:5])
