"""``print``, ``println`` and ``printf`` of templates.

Contract: pure; the verbs that templates use (``%v %s %d %q %t %f %g %e %x %%``, with width,
precision and the flags ``- + 0`` and space). Another verb is a ``ValueError`` that names it.
"""

from __future__ import annotations

import re
from typing import Any

from local_assistant.engine.gotemplate import values
from local_assistant.engine.gotemplate.lexer import quote

_VERB = re.compile(r"%([-+ 0#]*)(\d+)?(?:\.(\d*))?(.?)", re.DOTALL)
_MAX_WIDTH = 10_000


def sprint(items: list[Any]) -> str:
    """Return the operands' texts, with a space between two that are not strings."""
    out: list[str] = []
    for index, item in enumerate(items):
        both = index and not isinstance(item, str) and not isinstance(items[index - 1], str)
        out.append(" " if both else "")
        out.append(values.to_text(item))
    return "".join(out)


def sprintln(items: list[Any]) -> str:
    """Return the operands' texts, spaces between and a line end after them."""
    return " ".join(values.to_text(item) for item in items) + "\n"


def sprintf(form: str, items: list[Any]) -> str:
    """Return a formatted text; what is missing or left over is marked as Go marks it."""
    out: list[str] = []
    pos = used = 0
    for match in _VERB.finditer(form):
        out.append(form[pos : match.start()])
        pos = match.end()
        verb = match[4]
        if verb == "%":
            out.append("%")
        elif not verb:
            out.append("%!(NOVERB)")
        elif used >= len(items):
            out.append(f"%!{verb}(MISSING)")
        else:
            out.append(_formatted(match, items[used]))
            used += 1
    out.append(form[pos:])
    if used < len(items):
        rest = ", ".join(_with_type(item) for item in items[used:])
        out.append(f"%!(EXTRA {rest})")
    return "".join(out)


def _with_type(item: Any) -> str:
    if values.concrete(item) is None:
        return "<nil>"
    return f"{values.type_name(item)}={values.to_text(item)}"


def _formatted(match: re.Match[str], item: Any) -> str:
    flags, width, precision, verb = match.groups()
    inner = isinstance(item, (list, dict, values.Struct)) and "String" not in getattr(
        item, "methods", {}
    )
    number = isinstance(item, (int, float)) and not isinstance(item, bool)
    if verb not in "vsdqtfgexX" or "#" in flags or (inner and (verb != "v" or width or precision)):
        raise ValueError(f"printf verb {match[0]} is not supported")
    if verb in "qxX" and number and not (isinstance(item, int) and verb != "q"):
        raise ValueError(f"printf verb {match[0]} is not supported for numbers")
    if int(width or 0) > _MAX_WIDTH or int(precision or 0) > _MAX_WIDTH:
        raise ValueError(f"printf width {match[0]} is not supported")
    text = _body(verb, item, None if precision is None else int(precision or 0))
    if number and not text.startswith(("-", "+")) and not text.startswith("%!"):
        text = ("+" if "+" in flags else " " if " " in flags else "") + text
    missing = int(width or 0) - len(text)
    if missing <= 0:
        return text
    if "-" in flags:
        return text + " " * missing
    if "0" in flags:
        sign = text[:1] if number and text[:1] in ("-", "+", " ") else ""
        return sign + "0" * missing + text[len(sign) :]
    return " " * missing + text


def _body(verb: str, item: Any, precision: int | None) -> str:
    plain = values.concrete(item)
    if plain is None:
        return "<nil>" if verb == "v" else f"%!{verb}(<nil>)"
    textual = isinstance(item, str) or "String" in getattr(item, "methods", {})
    whole = isinstance(item, int) and not isinstance(item, bool)
    if verb == "v" or (verb == "s" and textual):
        text = values.to_text(item)
        return text if precision is None or not textual else text[:precision]
    if verb == "q" and textual:
        return quote(values.to_text(item)[:precision])
    if verb == "d" and whole:
        return str(item)
    if verb == "t" and isinstance(item, bool):
        return "true" if item else "false"
    if verb in "xX" and (whole or textual):
        text = f"{item:x}" if whole else values.to_text(item).encode().hex()
        return text.upper() if verb == "X" else text
    if verb in "feg" and isinstance(item, float):
        if verb == "g" and precision is None:
            return values.shortest(item)
        return f"{item:.{6 if precision is None else precision}{verb}}"
    return f"%!{verb}({_with_type(item)})"
