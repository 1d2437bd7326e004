"""From a file to its passages: notebooks, PDF, Markdown, code, plain text.

Contract: a file that cannot be read, or says nothing, comes back as :class:`Unreadable` with
a reason in words. Nothing is run: a notebook's outputs are not read, a PDF gives its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local_assistant.lab.learn import passages
from local_assistant.lab.learn.passages import Passage

MAX_TEXT_BYTES = 10_000_000
MAX_PDF_BYTES = 200_000_000

MARKDOWN = frozenset({".md", ".markdown", ".qmd", ".rmd", ".myst"})
CODE = frozenset(
    {
        ".py", ".pyi", ".pyx", ".ipy", ".r", ".jl", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".c",
        ".h", ".cc", ".cpp", ".hpp", ".cu", ".rs", ".go", ".java", ".kt", ".scala", ".swift",
        ".rb", ".php", ".cs", ".lua", ".pl", ".f90", ".sh", ".bash", ".zsh", ".ps1", ".sql",
        ".html", ".css", ".scss", ".vue", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".proto",
        ".tf", ".cmake",
    }
)  # fmt: skip
TEXT = frozenset({".txt", ".rst", ".tex", ".org", ".adoc", ".log"})
NOTEBOOK = frozenset({".ipynb"})
PDF = frozenset({".pdf"})
KNOWN = MARKDOWN | CODE | TEXT | NOTEBOOK | PDF


class Unreadable(Exception):
    """Why a file is not learned; the text is for the user."""


def read_passages(path: Path) -> tuple[bytes, list[Passage]]:
    """Return the bytes of ``path`` and its passages.

    Raises:
        Unreadable: it cannot be read as what its name says.
    """
    kind = path.suffix.lower()
    content = _content(path, MAX_PDF_BYTES if kind in PDF else MAX_TEXT_BYTES)
    if kind in PDF:
        return content, list(_pdf(path))
    text = _text(content)
    if kind in NOTEBOOK:
        return content, list(_notebook(text))
    if kind in MARKDOWN:
        head_of = passages.markdown_heads()
    else:
        head_of = passages.code_head if kind in CODE else passages.no_head
    return content, [part.passage() for part in passages.split(text, head_of)]


def _content(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise Unreadable(f"larger than {limit // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error


def _text(content: bytes) -> str:
    if b"\0" in content[:8192]:
        raise Unreadable("not a text file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("not in UTF-8") from error


def _notebook(text: str) -> Iterator[Passage]:
    try:
        cells = list(json.loads(text)["cells"])
        sources = [(str(cell["cell_type"]), _joined(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unreadable("not a notebook") from error
    for number, (kind, source) in enumerate(sources, 1):
        head_of = passages.markdown_heads() if kind == "markdown" else passages.code_head
        parts = list(passages.split(source, head_of))
        if len(parts) == 1:
            yield Passage(parts[0].text, f"cell {number}", parts[0].heading)
        else:
            yield from (part.passage(f"cell {number}, ") for part in parts)


def _joined(source: Any) -> str:
    # JSON can say half of a surrogate pair, which no index and no request can.
    return passages.whole("".join(source) if isinstance(source, list) else str(source))


def _pdf(path: Path) -> Iterator[Passage]:
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError
    except ImportError as error:
        raise Unreadable("PDF needs the package pypdf: pip install pypdf") from error
    try:
        texts = [passages.whole(page.extract_text()) for page in PdfReader(path).pages]
    except DependencyError as error:
        raise Unreadable(f"the PDF needs another package: {error}") from error
    # A damaged PDF makes the reader fail in any way: IndexError, RecursionError, …
    except Exception as error:
        raise Unreadable("the PDF cannot be read (damaged, or locked by a password)") from error
    if not any(text.strip() for text in texts):
        raise Unreadable("the PDF holds pictures, and no text")
    for number, text in enumerate(texts, 1):
        parts = list(passages.split(text, passages.no_head))
        if len(parts) == 1:
            yield Passage(parts[0].text, f"page {number}")
        else:
            yield from (part.passage(f"page {number}, ") for part in parts)
