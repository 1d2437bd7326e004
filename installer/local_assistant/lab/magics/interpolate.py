"""Values of the notebook in the prompt.

Contract: pure. The rule, in full:

* ``{name}``, followed by any number of ``.attribute`` and ``[index]``, and at the end
  perhaps ``!r``, ``!s`` or ``!a`` and a ``:format``, is a field. Its value in the user's
  namespace takes its place, as ``str.format`` would write it. ``In``, ``Out`` and ``_``
  are names like any other. An index is a whole number, a slice of whole numbers, or a
  key, with or without quotation marks.
* ``{{name}}`` (around a whole field) stands for a literal ``{name}``.
* Every other brace is text: ``{}``, ``{"a": 1}``, ``{ x }``, ``{x + 1}``, ``${HOME}``.
* A field whose name is not defined, or whose attribute or index is not there, is an
  error that names it: a typing mistake must not reach the model as if it were meant.
* What is put in is not searched for fields again.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from typing import Any

from local_assistant.errors import AssistantError

_NAME = r"[^\W\d]\w*"
_INDEX = r"""\[(?:"[^"\n]*"|'[^'\n]*'|[^\[\]{}"'\n]+)\]"""
_FIELD = (
    rf"(?P<name>{_NAME})(?P<path>(?:\.{_NAME}|{_INDEX})*)"
    r"(?:!(?P<how>[rsa]))?(?::(?P<spec>[^\s{}][^{}\n]*))?"
)
_PATTERN = re.compile(rf"(?<!\$)(?<!\$\{{)(?P<open>\{{?)\{{{_FIELD}\}}(?P<close>\}}?)")
_STEP = re.compile(rf"\.(?P<attribute>{_NAME})|{_INDEX}")
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?")
_CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


def interpolate(prompt: str, namespace: Mapping[str, Any]) -> str:
    """Return ``prompt`` with its fields replaced by values of ``namespace``.

    Raises:
        AssistantError: a field cannot be evaluated; the message names it.
    """
    return _PATTERN.sub(lambda match: _replacement(match, namespace), prompt)


def _replacement(match: re.Match[str], namespace: Mapping[str, Any]) -> str:
    if match["open"] and match["close"]:
        return match[0][1:-1]
    # A brace on one side only belongs to the text around the field.
    return match["open"] + _value(match, namespace) + match["close"]


def _value(match: re.Match[str], namespace: Mapping[str, Any]) -> str:
    name = match["name"]
    field = match[0][len(match["open"]) : len(match[0]) - len(match["close"])]
    if name not in namespace:
        raise _undefined(name, field, namespace)
    value = namespace[name]
    try:
        for step in _STEP.finditer(match["path"]):
            attribute = step["attribute"]
            value = getattr(value, attribute) if attribute else value[_key(step[0][1:-1])]
        if match["how"]:
            value = _CONVERSIONS[match["how"]](value)
        return format(value, match["spec"] or "")
    except Exception as error:
        # A property, an index or a format of the user's own object may raise anything.
        raise AssistantError(
            f"{field} in the prompt has no value: {type(error).__name__}: {error}.",
            f"Correct it, or write {{{field}}} for the literal text.",
        ) from error


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


def _undefined(name: str, field: str, namespace: Mapping[str, Any]) -> AssistantError:
    import difflib

    names = [known for known in namespace if not known.startswith("_")]
    close = difflib.get_close_matches(name, names, n=1)
    meant = f" Did you mean {{{close[0]}}}?" if close else ""
    what = "is a built-in, not a variable" if hasattr(builtins, name) else "is not defined here"
    return AssistantError(
        f"The prompt has {field}, but {name} {what}.{meant}",
        f"Define it, write {{{field}}} for the literal text, "
        "or switch this off with %%ai --no-interpolate.",
    )
