"""What ``%ai fix`` and ``%ai explain`` ask: prompts that a small model can answer.

Contract: a prompt holds the cell, the end of its traceback and what the names in it are, within
the characters that the model can read; the lines around the failing one are the last to go. Of
the user's values only types, and the columns of data frames, are told.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.magics import frames
from local_assistant.lab.magics.mishaps import Errors, Mishap
from local_assistant.lab.prompts import EXPLAIN, EXPLAIN_ERROR, FIX, attachment_block

_CELL_SHARE, _ERROR_SHARE, _NAMES_SHARE = 0.5, 0.35, 0.15
_MOST = 8_000
_LEAST = 600
_CHARACTERS_PER_TOKEN = 3
_MAX_NAMES = 12
_FRAME = 300
_SIZED = (str, bytes, list, tuple, dict, set)
_ARRAYS = ("numpy", "torch", "jax", "tensorflow")


def budget(window: int | None) -> int:
    """Return how many characters a prompt may have: half of the model's window."""
    if window is None:
        return _MOST
    return min(max(window // 2 * _CHARACTERS_PER_TOKEN, _LEAST), _MOST)


def fix_prompt(mishap: Mishap, namespace: Mapping[str, Any], characters: int) -> str:
    """Return the question for a failed cell."""
    return _about(mishap.source, mishap, namespace, characters) + FIX


def explain_prompt(
    source: str, mishap: Mishap | None, namespace: Mapping[str, Any], characters: int
) -> str:
    """Return the question for a piece of code, and its error if it has one."""
    task = EXPLAIN if mishap is None else EXPLAIN_ERROR
    return _about(source, mishap, namespace, characters) + task


def _about(
    source: str, mishap: Mishap | None, namespace: Mapping[str, Any], characters: int
) -> str:
    """Return the blocks that stand in front of the task."""
    line = mishap.line if mishap else None
    blocks = attachment_block("Cell", around(source, line, int(characters * _CELL_SHARE)))
    if mishap is not None:
        error = end_of(mishap.text, int(characters * _ERROR_SHARE))
        blocks += attachment_block("Error", error, "text")
    names = names_in(source, namespace, int(characters * _NAMES_SHARE))
    return blocks + (attachment_block("Names", names, "text") if names else "")


def around(source: str, line: int | None, characters: int) -> str:
    """Return a cell, or where it is too long its lines around ``line``."""
    lines = source.strip("\n").split("\n")
    if len(source) <= characters:
        return "\n".join(lines)
    first = last = min(max((line or 1) - 1, 0), len(lines) - 1)
    size = len(lines[first])
    while True:
        grown = False
        for candidate in (first - 1, last + 1):
            inside = 0 <= candidate < len(lines)
            if inside and size + len(lines[candidate]) + 1 <= characters:
                size += len(lines[candidate]) + 1
                first, last = min(first, candidate), max(last, candidate)
                grown = True
        if not grown:
            break
    cut = [text[:characters] for text in lines[first : last + 1]]
    above = [f"# … {first} lines above"] if first else []
    below = [f"# … {len(lines) - 1 - last} lines below"] if last < len(lines) - 1 else []
    return "\n".join([*above, *cut, *below])


def end_of(text: str, characters: int) -> str:
    """Return the last lines of a traceback: its sentence stands at the end."""
    if len(text) <= characters:
        return text
    end = text[-characters:]
    return "…" + (end.partition("\n")[2] or end)


def names_in(source: str, namespace: Mapping[str, Any], characters: int) -> str:
    """Return what the notebook's names in a cell are, one on a line."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    used = dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    lines: list[str] = []
    for name in used:
        if name not in namespace or len(lines) == _MAX_NAMES:
            continue
        said = _said(namespace[name])
        if said and characters >= len(name) + len(said) + 3:
            characters -= len(name) + len(said) + 3
            lines.append(f"{name}: {said}")
    return "\n".join(lines)


def _said(value: Any) -> str:
    """Return what kind of thing a value is; its content stays here."""
    if isinstance(value, ModuleType):
        return f"module {value.__name__}"
    if frames.is_frame(value):
        try:
            return frames.summary(value, _FRAME)
        except Exception:  # a lazy frame that names what is not there: the error to be mended
            return type(value).__name__
    if inspect.isroutine(value) or isinstance(value, type):
        return ""  # built-ins and what the cell itself defines
    kind = type(value)
    if kind in _SIZED:
        return f"{kind.__name__} of length {len(value)}"
    # Of the user's own classes nothing is asked: a property may do anything.
    if kind.__module__.partition(".")[0] in _ARRAYS:
        return f"{kind.__name__} of shape {tuple(getattr(value, 'shape', ()))}"
    return kind.__name__


def target(
    word: str | None, cells: list[str], errors: Errors, namespace: Mapping[str, Any]
) -> tuple[str, Mishap | None]:
    """Return the code that ``%ai explain WORD`` means, and its error.

    Args:
        word: a cell's number, a name, or None for the cell above.
        cells: the sources of all cells by number; the last one is running now.

    Raises:
        AssistantError: there is no such code.
    """
    if word is None:
        for number in range(len(cells) - 2, 0, -1):
            if cells[number].strip() and not cells[number].lstrip().startswith(("%ai", "%%ai")):
                return cells[number], errors.of_cell(number)
        raise AssistantError("No cell has been run yet.", "Run one, then %ai explain.")
    if word.isdigit():
        number = int(word)
        if 0 < number < len(cells) - 1 and cells[number].strip():
            return cells[number], errors.of_cell(number)
        raise AssistantError(
            f"There is no cell {number} in this kernel.", "The number stands beside the cell: In[3]"
        )
    return _source_of(word, namespace), None


def _source_of(word: str, namespace: Mapping[str, Any]) -> str:
    name, *attributes = word.split(".")
    if name not in namespace:
        from local_assistant.lab.magics.grammar import nearest

        close = nearest(name, [known for known in namespace if not known.startswith("_")])
        meant = f" Did you mean {close}?" if close else ""
        raise AssistantError(
            f"{name} is not defined here.{meant}", "Usage: %ai explain [CELL | NAME]."
        )
    value = namespace[name]
    try:
        for attribute in attributes:
            value = getattr(value, attribute)
        return textwrap.dedent(inspect.getsource(value))
    except AttributeError as error:
        raise AssistantError(f"{word} has no value: {error}.", "Correct the name.") from error
    except (OSError, TypeError) as error:
        raise AssistantError(
            f"{word} has no Python source ({type(value).__name__}).",
            f"Ask about its value: %%ai, and {{{word}}} in the prompt.",
        ) from error
