"""What stands where the cursor is: which language, and how much of the cell is of it.

Contract: pure. :func:`locate` never raises. A place where nothing should be suggested comes
back with a ``message`` that says why. ``%%bash``, ``!ls`` and fenced code in Markdown are
what they are: text of another language, without what surrounds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from local_assistant.lab.completion.request import Cell, CompletionRequest
from local_assistant.lab.completion.scan import scan
from local_assistant.lab.secret_files import holds_secrets

_BY_MIME = {
    "text/x-ipython": "python",
    "text/x-python": "python",
    "text/x-rsrc": "r",
    "text/x-r-source": "r",
    "text/x-julia": "julia",
    "application/javascript": "javascript",
    "text/javascript": "javascript",
    "application/typescript": "typescript",
    "text/typescript": "typescript",
    "text/x-sh": "bash",
    "application/x-sh": "bash",
    "text/x-sql": "sql",
    "text/html": "html",
    "text/css": "css",
    "application/json": "json",
    "text/x-c++src": "c++",
    "text/x-csrc": "c",
    "text/x-java": "java",
    "text/x-rustsrc": "rust",
    "text/x-go": "go",
    "text/x-yaml": "yaml",
    "text/x-toml": "toml",
    "text/x-markdown": "markdown",
    "text/x-ipythongfm": "markdown",
    "text/x-latex": "latex",
    "text/plain": "text",
}
_BY_MAGIC = {
    "bash": "bash", "sh": "bash", "script": "bash", "cmd": "bat", "system": "bash", "!": "bash",
    "sx": "bash", "sql": "sql", "bigquery": "sql", "html": "html", "HTML": "html",
    "svg": "html", "SVG": "html", "javascript": "javascript", "js": "javascript",
    "latex": "latex", "markdown": "markdown", "perl": "perl", "ruby": "ruby", "R": "r",
    "julia": "julia", "cython": "cython", "css": "css",
}  # fmt: skip
_PYTHON_MAGICS = {
    "time", "timeit", "capture", "prun", "pypy", "python", "python2", "python3", "debug",
    "memit", "mprun", "lprun", "heat", "snakeviz",
}  # fmt: skip
_PROSE_MAGICS = {"ai", "assistant"}
_BY_FENCE = {
    "py": "python", "python3": "python", "ipython": "python", "sh": "bash", "shell": "bash",
    "console": "bash", "js": "javascript", "ts": "typescript",
}  # fmt: skip
_BY_ENDING = {
    "py": "python", "pyi": "python", "sh": "bash", "sql": "sql", "html": "html", "js": "javascript",
    "ts": "typescript", "css": "css", "r": "r", "jl": "julia", "md": "markdown", "json": "json",
    "yml": "yaml", "yaml": "yaml", "toml": "toml", "c": "c", "cpp": "c++", "rs": "rust",
    "go": "go", "java": "java", "txt": "text",
}  # fmt: skip
_HEADS = {"bash": "#!/bin/bash\n", "html": "<!DOCTYPE html>\n", "sql": "-- SQL\n"}
"""What tells a model the language of a cell that has no such line itself."""

_LOOK_BACK = 4_096
_CELL_MAGIC = re.compile(r"\s*%%(?P<name>!|[\w.]+)(?P<arguments>[^\n]*)")
_SHELL_LINE = re.compile(r"^\s*!{1,2}(?!=)")
_FENCE = re.compile(r"^ {0,3}(?:```+|~~~+)[ \t]*(?P<language>[\w+-]*)", re.M)


@dataclass(frozen=True)
class Place:
    """The text around the cursor in one language.

    Attributes:
        language: of both texts.
        before: what stands before the cursor in that language.
        after: what stands after it.
        magic: the cell magic's name, where its text is not the notebook's language.
        head: a line that tells the language, where the text is too short to.
        message: why nothing is suggested here; None where something may be.
    """

    language: str
    before: str
    after: str
    magic: str = ""
    head: str = ""
    message: str | None = None

    @property
    def line(self) -> str:
        """The current line up to the cursor."""
        return self.before[self.before.rfind("\n") + 1 :]

    @property
    def rest(self) -> str:
        """The current line from the cursor on."""
        return self.after.partition("\n")[0]


def locate(request: CompletionRequest) -> Place:
    """Return where the cursor of ``request`` stands."""
    before, after = request.prefix, request.suffix
    if request.cell_type == "raw":
        return Place("text", before, after, message="Raw cells get no suggestions.")
    if request.trigger != "invoke" and holds_secrets(request.path):
        message = "A file of secrets gets suggestions only when asked for (the invoke command)."
        return Place("text", before, after, message=message)
    if request.cell_type == "markdown":
        return _in_markdown(request)
    language = language_of(request)
    if request.kind == "file" and language != "ipython":
        if language == "markdown":
            return _in_markdown(request)
        return Place(language, before, after)
    magic = _CELL_MAGIC.match(before)
    if magic is not None:
        return _in_magic(magic, language, before, after)
    line = before[before.rfind("\n") + 1 :]
    if language != "python":
        return Place(language, before, after)
    if _SHELL_LINE.match(line):
        return _in_shell_line(before, after)
    stripped = line.lstrip()
    if stripped.startswith("%") and not _continues(before, line):
        return Place(language, before, after, message="Line magics get no suggestions.")
    if stripped.startswith("?") or (stripped.endswith("?") and "#" not in stripped):
        return Place(language, before, after, message="Here stands a question to IPython's help.")
    return Place(language, before, after)


def language_of(request: CompletionRequest) -> str:
    """Return the language of the notebook's kernel or of the file."""
    if request.kind == "file":
        ending = request.path.rpartition("/")[2].rpartition(".")[2].lower()
        if ending in _BY_ENDING:
            return _BY_ENDING[ending]
    mime = request.mime.partition(";")[0].strip().lower()
    if mime in _BY_MIME:
        return _BY_MIME[mime]
    return mime.rpartition("/")[2].removeprefix("x-") or "text"


def cell_language(cell: Cell, language: str) -> tuple[str, str]:
    """Return the language of another code cell, and its text without a magic's line."""
    magic = _CELL_MAGIC.match(cell.source)
    if magic is None or language != "python":
        return language, cell.source
    body = cell.source[magic.end() :].removeprefix("\n")
    return _magic_language(magic, language), body


def _magic_language(magic: re.Match[str], language: str) -> str:
    name = magic["name"]
    if name in _PYTHON_MAGICS:
        return language
    if name in _PROSE_MAGICS:
        return "prose"
    if name in ("writefile", "file"):
        target = magic["arguments"].split()
        return _BY_ENDING.get(target[-1].rpartition(".")[2].lower(), "text") if target else "text"
    if name == "script":
        words = magic["arguments"].split()
        program = words[0].rpartition("/")[2] if words else "bash"
        return _BY_MAGIC.get(program, language if program.startswith("python") else program)
    return _BY_MAGIC.get(name, "unknown")


def _in_magic(magic: re.Match[str], language: str, before: str, after: str) -> Place:
    if magic.end() == len(before):
        return Place(language, before, after, message="The line of a magic gets no suggestions.")
    found = _magic_language(magic, language)
    body = before[magic.end() + 1 :]
    if found == "prose":
        message = f"%%{magic['name']} holds a question to a model, not code."
        return Place(found, body, after, magic["name"], message=message)
    if found == "unknown":
        # A magic that is not known here: what follows may be anything, most often Python.
        return Place(language, before, after)
    if found == language:
        return Place(language, body, after)
    head = "" if body.startswith(("#!", "<!")) else _HEADS.get(found, "")
    return Place(found, body, after, magic["name"], head=head)


def _in_shell_line(before: str, after: str) -> Place:
    lines = [
        _SHELL_LINE.sub("", line, count=1) for line in before.split("\n") if _SHELL_LINE.match(line)
    ]
    return Place("bash", "\n".join(lines), after.partition("\n")[0], magic="!", head=_HEADS["bash"])


def _in_markdown(request: CompletionRequest) -> Place:
    before, after = request.prefix, request.suffix
    fences = list(_FENCE.finditer(before))
    line_start = before.rfind("\n") + 1
    if len(fences) % 2 and fences[-1].start() < line_start:
        opened = fences[-1]
        name = opened["language"].lower()
        closing = _FENCE.search(after)
        inside = after[: closing.start()].rstrip("\n") if closing else after
        start = before.find("\n", opened.end()) + 1
        return Place(
            _BY_FENCE.get(name, name or "text"), before[start:], inside, magic=f"```{name}"
        )
    message = None
    if request.trigger != "invoke":
        message = "Prose gets suggestions only when asked for (the invoke command)."
    return Place("markdown", before, after, message=message)


def _continues(before: str, line: str) -> bool:
    """Return whether ``line`` goes on with the one above, so that ``%`` is an operator."""
    above = before[: len(before) - len(line)]
    state = scan(above[-_LOOK_BACK:])
    return bool(state.stack or state.string) or above.endswith("\\\n")
