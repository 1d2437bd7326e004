"""Values of the notebook in the prompt.

Contract: the rule, in full:

* ``{name}``, followed by any number of ``.attribute``, ``[index]`` and ``(arguments)``, and at
  the end perhaps ``!r``, ``!s`` or ``!a`` and a ``:format``, is a field. Its value in the user's
  namespace takes its place, as ``str.format`` would write it; a data frame is described by its
  columns and first rows. ``In``, ``Out``, ``Err`` and ``_`` are names like any other. An index is
  a whole number, a slice of whole numbers, or a key, with or without quotation marks. Arguments
  are Python. Nothing is called but what is written with its parentheses; built-in functions may
  be called, too.
* ``{{name}}`` (around a whole field) stands for a literal ``{name}``.
* Every other brace is text: ``{}``, ``{"a": 1}``, ``{ x }``, ``{x + 1}``, ``${HOME}``.
* A field whose name is not defined, or whose attribute, index or call fails, is an error that
  names it: a typing mistake must not reach the model as if it were meant.
* What is put in is not searched for fields again.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.magics import frames

_NAME = re.compile(r"[^\W\d]\w*")
_ATTRIBUTE = re.compile(rf"\.({_NAME.pattern})")
_INDEX = re.compile(r"""\[((?:"[^"\n]*"|'[^'\n]*'|[^\[\]{}"'\n]+))\]""")
_END = re.compile(r"(?:!(?P<how>[rsa]))?(?::(?P<spec>[^\s{}][^{}\n]*))?\}")
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?")
_CALLED = "__called__"
_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


@dataclass
class _Field:
    """One field of a prompt: what it says, and the way from the name to the value."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    how: str | None = None
    spec: str = ""
    end: int = 0


def interpolate(prompt: str, namespace: Mapping[str, Any]) -> str:
    """Return ``prompt`` with its fields replaced by values of ``namespace``.

    Raises:
        AssistantError: a field cannot be evaluated; the message names it.
    """
    return "".join(_pieces(prompt, namespace))


def _pieces(prompt: str, namespace: Mapping[str, Any]) -> Iterator[str]:
    position = 0
    while True:
        start = prompt.find("{", position)
        if start < 0:
            yield prompt[position:]
            return
        yield prompt[position:start]
        doubled = prompt.startswith("{{", start)
        opening = start + doubled
        found = _field(prompt, opening + 1) if _may_begin(prompt, start) else None
        if found is None:
            yield "{"
            position = start + 1
            continue
        text = prompt[opening : found.end]
        closed = prompt.startswith("}", found.end)
        if doubled and closed:
            yield text
        else:
            # A brace on one side only belongs to the text around the field.
            yield "{" * doubled + _value(found, text, namespace)
        position = found.end + (doubled and closed)


def _may_begin(prompt: str, start: int) -> bool:
    """Return whether no ``$`` stands in front: that is a shell's or JavaScript's brace."""
    return prompt[max(start - 1, 0) : start] != "$" and prompt[max(start - 2, 0) : start] != "${"


def _field(prompt: str, start: int) -> _Field | None:
    """Return the field whose name begins at ``start``, or None if that is text."""
    name = _NAME.match(prompt, start)
    if name is None:
        return None
    found = _Field(name[0])
    position = name.end()
    while True:
        end = _END.match(prompt, position)
        if end is not None:
            found.how, found.spec, found.end = end["how"], end["spec"] or "", end.end()
            return found
        attribute, index = _ATTRIBUTE.match(prompt, position), _INDEX.match(prompt, position)
        step = attribute or index
        if step is not None:
            found.steps.append(("." if attribute else "[", step[1]))
            position = step.end()
            continue
        arguments = _arguments(prompt, position)
        if arguments is None:
            return None
        found.steps.append(("(", arguments))
        position += len(arguments)


def _arguments(prompt: str, start: int) -> str | None:
    """Return the parentheses that begin at ``start`` with what is in them, if it is a call."""
    if not prompt.startswith("(", start):
        return None
    line = prompt[start:].partition("\n")[0]
    for end, character in enumerate(line, start=1):
        if character == ")" and _parses(f"_{line[:end]}"):
            return line[:end]
    return None


def _parses(source: str) -> bool:
    try:
        ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _value(found: _Field, text: str, namespace: Mapping[str, Any]) -> str:
    if found.name in namespace:
        value = namespace[found.name]
    elif found.steps[:1] and found.steps[0][0] == "(" and hasattr(builtins, found.name):
        value = getattr(builtins, found.name)
    else:
        raise _undefined(found.name, text, namespace)
    try:
        for kind, step in found.steps:
            value = _step(value, kind, step, namespace)
        if found.how:
            value = _CONVERSIONS[found.how](value)
        if not found.spec and frames.is_frame(value):
            return frames.describe(value)
        return format(value, found.spec)
    except Exception as error:
        # A property, an index, a call or a format of the user's own object may raise anything.
        raise AssistantError(
            f"{text} in the prompt has no value: {type(error).__name__}: {error}.",
            f"Correct it, or write {{{text}}} for the literal text.",
        ) from error


def _step(value: Any, kind: str, step: str, namespace: Mapping[str, Any]) -> Any:
    if kind == ".":
        return getattr(value, step)
    if kind == "[":
        return value[_key(step)]
    # The user's own words, in the user's own kernel: as if the call stood in a cell. In a copy
    # of the names, which is all one scope, so that lambdas and comprehensions find them.
    return eval(f"{_CALLED}{step}", {**namespace, _CALLED: value})  # noqa: S307


def _key(text: str) -> Any:
    """Return the index that the text between the square brackets means."""
    stripped = text.strip()
    if stripped[:1] in ("'", '"'):
        return stripped[1:-1]
    if re.fullmatch(r"-?\d+", stripped):
        return int(stripped)
    bounds = _SLICE.fullmatch(stripped)
    if bounds:
        return slice(*(int(bound) if bound else None for bound in bounds.groups()))
    return text


def _undefined(name: str, text: str, namespace: Mapping[str, Any]) -> AssistantError:
    import difflib

    names = [known for known in namespace if not known.startswith("_")]
    close = difflib.get_close_matches(name, names, n=1)
    meant = f" Did you mean {{{close[0]}}}?" if close else ""
    what = "is a built-in, not a variable" if hasattr(builtins, name) else "is not defined here"
    return AssistantError(
        f"The prompt has {text}, but {name} {what}.{meant}",
        f"Define it, write {{{text}}} for the literal text, "
        "or switch this off with %%ai --no-interpolate.",
    )
