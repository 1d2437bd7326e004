"""What becomes of a finished answer in each output format.

Contract: pure functions from the model's text to what a notebook shows: a MIME bundle
(always with ``text/plain``), the value that a program gets, for ``code`` the source of the next
cell, and where the answer is not what the format promises, a sentence that says so (the bundle
then shows the answer as it came). A model's HTML never runs scripts and loads nothing.
"""

from __future__ import annotations

import ast
import html
import json
import re
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from local_assistant.lab.magics.markdown import safe_markdown
from local_assistant.lab.magics.schema import ANY, Shape, Unfit

_FENCE = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[^\n]*\n"
    r"(?P<body>.*?)"
    r"(?:^[ ]{0,3}(?P=fence)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
PYTHON = frozenset({"python", "py", "python3", "ipython", "ipython3"})
_MATH = re.compile(r"\$|\\\[|\\\(|\\begin\{")
# The policy does not keep a page from opening a connection, or looking up a name, ahead of time.
_AHEAD = re.compile(r"<(?=(?:link|i?frame|frameset|fencedframe|object|embed)[\s/>])", re.I)
_NO_LOOK_UP = '<meta http-equiv="x-dns-prefetch-control" content="off">'
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


@dataclass(frozen=True)
class Rendered:
    """A finished answer.

    Attributes:
        bundle: what the output shows, by MIME type.
        value: the answer for a program: an object for ``json``, else a text.
        next_cell: the source for a new cell below.
        problem: why the answer is not what the format promises.
    """

    bundle: dict[str, Any]
    value: Any = None
    next_cell: str | None = None
    problem: str | None = None


def render(
    output_format: str, answer: str, clean: Callable[[str], str] = str, shape: Shape = ANY
) -> Rendered:
    """Return how ``answer`` appears in ``output_format``.

    Args:
        answer: the model's whole text.
        clean: turns notebook syntax (``%magic``, ``!shell``) into plain Python.
        shape: for ``json``, what it must be.
    """
    answer = without_thoughts(answer)
    if output_format == "code":
        return _code(answer, clean)
    if output_format == "json":
        return _json(answer, shape)
    return _RENDERERS[output_format](answer)


def without_thoughts(answer: str) -> str:
    """Return what a thinking model says after its thoughts."""
    return _THOUGHT.sub("", answer).strip()


def corrected_cell(answer: str, failed: str, clean: Callable[[str], str] = str) -> str | None:
    """Return the last Python block of an answer that parses and is not the failed cell itself."""
    for body in reversed(_python_blocks(fenced(answer))):
        if body.strip() and body.strip() != failed.strip() and _is_python(body, clean):
            return body
    return None


def fenced(answer: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a Markdown text as (language, content)."""
    # Inside of a list the whole block is indented.
    return [
        (match["language"].lower(), textwrap.dedent(match["body"]).strip("\n"))
        for match in _FENCE.finditer(answer)
    ]


def parts(answer: str) -> list[tuple[bool, str]]:
    """Return a Markdown text in order as (whether it is Python code, text), without empty ones."""
    found: list[tuple[bool, str]] = []
    prose, end = "", 0
    python = _python_tags(language for language, _ in fenced(answer))
    for match in _FENCE.finditer(answer):
        prose += answer[end : match.start()]
        end = match.end()
        if match["language"].lower() in python:
            found += [(False, prose), (True, textwrap.dedent(match["body"]))]
            prose = ""
        else:
            prose += match[0]
    found.append((False, prose + answer[end:]))
    return [(code, text.strip("\n")) for code, text in found if text.strip()]


def _python_blocks(blocks: list[tuple[str, str]]) -> list[str]:
    """Return what is Python of the fenced blocks of an answer."""
    python = _python_tags(language for language, _ in blocks)
    return [body for language, body in blocks if language in python]


def _python_tags(languages: Iterable[str]) -> frozenset[str]:
    """Return how an answer calls Python: beside blocks with a name, one without is no code.

    Models show in it what the code prints.
    """
    return PYTHON if PYTHON.intersection(languages) else PYTHON | {""}


def _markdown(answer: str) -> Rendered:
    return Rendered({"text/markdown": safe_markdown(answer), "text/plain": answer}, answer)


def _text(answer: str) -> Rendered:
    return Rendered({"text/plain": answer}, answer)


def _code(answer: str, clean: Callable[[str], str]) -> Rendered:
    blocks = fenced(answer)
    python = _python_blocks(blocks)
    # Some models write the code at once and close a fence that they never opened.
    bare = answer.removesuffix("```").rstrip()
    source = "\n\n".join(python or [body for _, body in blocks]) if blocks else bare
    if not source.strip() or (not blocks and not _is_python(source, clean)):
        return Rendered(
            _text(answer).bundle,
            answer,
            problem="The answer is not Python code, so no cell was added.",
        )
    # Programs that run notebooks find the code here: they have no place for a new cell.
    bundle = {"text/markdown": "*The code is in the cell below.*", "text/plain": source}
    return Rendered(bundle, source, next_cell=source)


def _is_python(source: str, clean: Callable[[str], str]) -> bool:
    try:
        ast.parse(clean(source))
    except (SyntaxError, ValueError):
        return False
    return True


def _json(answer: str, shape: Shape) -> Rendered:
    blocks = fenced(answer)
    try:
        value = json.loads(blocks[0][1] if blocks else answer)
    except (ValueError, RecursionError) as error:
        return Rendered(
            _text(answer).bundle,
            answer,
            problem=f"The answer is not valid JSON ({error}); it is shown as it came.",
        )
    plain = json.dumps(value, indent=2, ensure_ascii=False)
    # JupyterLab's viewer takes objects and lists only.
    bundle: dict[str, Any] = {"application/json": value} if isinstance(value, (dict, list)) else {}
    bundle["text/plain"] = plain
    try:
        return Rendered(bundle, shape.read(value))
    except Unfit as error:
        problem = f"The answer is JSON, but does not fit the schema ({error})."
        return Rendered(bundle, value, problem=problem)


def _math(answer: str) -> Rendered:
    blocks = fenced(answer)
    source = blocks[0][1].strip() if blocks else answer
    if _MATH.search(source):
        return Rendered({"text/latex": source, "text/plain": source}, source)
    if re.search(r"[\\^_=]", source):
        return Rendered({"text/latex": f"$${source}$$", "text/plain": source}, source)
    # Prose would be set as one long product of letters.
    return _markdown(answer)


def _html(answer: str) -> Rendered:
    blocks = fenced(answer)
    source = blocks[0][1] if blocks else answer
    page = (
        f'<!doctype html><meta charset="utf-8">{_NO_LOOK_UP}'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"{_AHEAD.sub('<no-', source)}"
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
    return Rendered({"text/html": frame, "text/plain": source}, source)


_RENDERERS: dict[str, Callable[[str], Rendered]] = {
    "markdown": _markdown,
    "text": _text,
    "math": _math,
    "html": _html,
}
