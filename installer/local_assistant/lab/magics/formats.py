"""What becomes of a finished answer in each output format.

Contract: pure functions from the model's text to what a notebook shows: a MIME bundle
(always with ``text/plain``), for ``code`` the source of the next cell, and where the
answer is not what the format promises, a sentence that says so (the bundle then shows
the answer as it came). A model's HTML never runs scripts and loads nothing.
"""

from __future__ import annotations

import ast
import html
import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_assistant.lab.magics.markdown import safe_markdown

_FENCE = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n]*\n"
    r"(?P<body>.*?)"
    r"(?:^[ ]{0,3}(?P=fence)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_PYTHON = ("", "python", "py", "python3", "ipython", "ipython3")
_MATH = re.compile(r"\$|\\\[|\\\(|\\begin\{")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


@dataclass(frozen=True)
class Rendered:
    """A finished answer.

    Attributes:
        bundle: what the output shows, by MIME type.
        next_cell: the source for a new cell below.
        problem: why the answer is not what the format promises.
    """

    bundle: dict[str, Any]
    next_cell: str | None = None
    problem: str | None = None


def render(output_format: str, answer: str, clean: Callable[[str], str] = str) -> Rendered:
    """Return how ``answer`` appears in ``output_format``.

    Args:
        answer: the model's whole text.
        clean: turns notebook syntax (``%magic``, ``!shell``) into plain Python.
    """
    answer = _THOUGHT.sub("", answer).strip()
    if output_format == "code":
        return _code(answer, clean)
    return _RENDERERS[output_format](answer)


def fenced(answer: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a Markdown text as (language, content)."""
    # Inside of a list the whole block is indented.
    return [
        (match["language"].lower(), textwrap.dedent(match["body"]).strip("\n"))
        for match in _FENCE.finditer(answer)
    ]


def _markdown(answer: str) -> Rendered:
    return Rendered({"text/markdown": safe_markdown(answer), "text/plain": answer})


def _text(answer: str) -> Rendered:
    return Rendered({"text/plain": answer})


def _code(answer: str, clean: Callable[[str], str]) -> Rendered:
    blocks = fenced(answer)
    python = [body for language, body in blocks if language in _PYTHON]
    # Some models write the code at once and close a fence that they never opened.
    bare = answer.removesuffix("```").rstrip()
    source = "\n\n".join(python or [body for _, body in blocks]) if blocks else bare
    if not source.strip() or (not blocks and not _is_python(source, clean)):
        return Rendered(
            _text(answer).bundle,
            problem="The answer is not Python code, so no cell was added.",
        )
    # Programs that run notebooks find the code here: they have no place for a new cell.
    bundle = {"text/markdown": "*The code is in the cell below.*", "text/plain": source}
    return Rendered(bundle, next_cell=source)


def _is_python(source: str, clean: Callable[[str], str]) -> bool:
    try:
        ast.parse(clean(source))
    except (SyntaxError, ValueError):
        return False
    return True


def _json(answer: str) -> Rendered:
    blocks = fenced(answer)
    try:
        value = json.loads(blocks[0][1] if blocks else answer)
    except ValueError as error:
        return Rendered(
            _text(answer).bundle,
            problem=f"The answer is not valid JSON ({error}); it is shown as it came.",
        )
    plain = json.dumps(value, indent=2, ensure_ascii=False)
    if isinstance(value, (dict, list)):
        return Rendered({"application/json": value, "text/plain": plain})
    # JupyterLab's viewer takes objects and lists only.
    return Rendered({"text/plain": plain})


def _math(answer: str) -> Rendered:
    blocks = fenced(answer)
    source = blocks[0][1].strip() if blocks else answer
    if _MATH.search(source):
        return Rendered({"text/latex": source, "text/plain": source})
    if re.search(r"[\\^_=]", source):
        return Rendered({"text/latex": f"$${source}$$", "text/plain": source})
    # Prose would be set as one long product of letters.
    return _markdown(answer)


def _html(answer: str) -> Rendered:
    blocks = fenced(answer)
    source = blocks[0][1] if blocks else answer
    page = (
        f'<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{source}'
    )
    # The frame cannot measure its content without a script; its corner can be pulled.
    height = min(max(6, 3 + 1.5 * source.count("\n")), 30)
    # sandbox="" takes scripts, forms, pop-ups and this page's origin away; the policy
    # keeps images and styles from telling a server on the net that the cell was run.
    frame = (
        f'<iframe sandbox="" srcdoc="{html.escape(page)}" title="HTML answer" '
        f'style="width:100%;height:{height:g}em;border:1px solid #bdbdbd;background:#fff;'
        'resize:vertical"></iframe>'
    )
    return Rendered({"text/html": frame, "text/plain": source})


_RENDERERS: dict[str, Callable[[str], Rendered]] = {
    "markdown": _markdown,
    "text": _text,
    "json": _json,
    "math": _math,
    "html": _html,
}
