"""Make a model's Markdown safe to show in a notebook.

JupyterLab trusts the outputs of a cell that was just run: raw HTML in Markdown goes into
the page as it is, scripts included, and the page holds the key to the server. A model's
words are not to be trusted so far: they may repeat what a file or a web page told it.

Contract: pure. Outside of code, in the returned text

* no raw HTML is left (``<`` in front of what could begin a tag is escaped),
* links lead to http, https, mailto or a relative address only,
* images are links behind a ``!``: fetching one would tell a server on the net of the cell,
* diagrams (``mermaid``) are shown as their text: one may name images, and they are fetched.

Code blocks and code spans stay as they are where every reader of Markdown agrees that
they are code. Where that is in doubt (a fence in a quotation, a stray backtick, math
delimiters that cut through a block) the text counts as not being code; the worst that
happens to an honest answer is then an ``&lt;`` in the place of a ``<``.
"""

from __future__ import annotations

import re

OPENER = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})[ \t]*[\w+#.-]*[ \t]*")
MAYBE_FENCE = re.compile(r"[\s>*+\-\d.)]*(`{3}|~{3})")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_TARGET = r"(?:https?://[^\s()<>\"'$\\]+|mailto:[\w.+@-]+|[\w./#-]+)\)"
_LINK = re.compile(rf"\]\((?!{_TARGET})")
BARE_LINK = re.compile(r"https?://|ftp://|www\.", re.IGNORECASE)
MATH = re.compile(r"\$|\\")
_DIAGRAM = re.compile(r"(`{3}|~{3})([^\S\n]*)mermaid", re.IGNORECASE)
CUTS_BLOCKS = re.compile(r"\\(?:begin|end)\{|\\\\[()\[\]]")


def safe_markdown(text: str) -> str:
    """Return ``text`` without anything that could act in the reader's page."""
    # In math an entity would be shown as such; a blank disarms a tag as well.
    less = "< " if MATH.search(text) else "&lt;"
    lines = re.split(r"\r\n?|\n", text)
    done: list[str] = []
    certain = True  # every fence so far was one beyond doubt
    balanced = True  # no code span is open in this paragraph
    while len(done) < len(lines):
        line = lines[len(done)]
        if certain and MAYBE_FENCE.match(line):
            block = _code_block(lines[len(done) :])
            done += block
            certain, balanced = bool(block), True
            if block:
                continue
        balanced = balanced or not line.strip()
        spans = _spans(line) if certain and balanced else None
        balanced = spans is not None
        done.append(_disarmed(line, spans or [], less))
    return without_diagrams("\n".join(done))


def without_diagrams(text: str) -> str:
    """Return ``text`` with its diagrams as blocks of plain text."""
    return _DIAGRAM.sub(r"\1\2text", text)


def _code_block(lines: list[str]) -> list[str]:
    """Return the lines of the code block that begins here, or nothing if that is in doubt."""
    opener = OPENER.fullmatch(lines[0])
    if opener is None:
        return []
    indent, fence = opener["indent"], opener["fence"]
    closer = re.compile(rf"{indent}{fence[0]}{{{len(fence)},}}[ \t]*")
    for index, line in enumerate(lines[1:], start=1):
        if closer.fullmatch(line):
            return [] if _in_doubt(lines[: index + 1]) else lines[: index + 1]
        if MAYBE_FENCE.match(line) or (line.strip() and not line.startswith(indent)):
            return []
    # Not closed (yet): dollar signs within could still pair with some in front of it.
    return [] if _in_doubt(lines) or "$" in "".join(lines) else lines


def _in_doubt(block: list[str]) -> bool:
    return bool(CUTS_BLOCKS.search("\n".join(block)))


def _spans(line: str) -> list[tuple[int, int]] | None:
    """Return where the code spans of a line are; None if that is in doubt.

    JupyterLab's reader lets emphasis and links end inside of spans that begin with more
    than one backtick, and math, table cells, bare addresses and what is struck out (also from
    a line above) inside of any.
    """
    if "~" in line:
        return None
    if "`" not in line:
        return []
    ticks = [match.start() for match in re.finditer("`", line)]
    if len(ticks) % 2 or "``" in line or "|" in line or MATH.search(line):
        return None
    if any("`" in link for link in _bare_links(line)):
        return None
    return [(start, end + 1) for start, end in zip(ticks[::2], ticks[1::2], strict=True)]


def _bare_links(line: str) -> list[str]:
    """Return what readers of Markdown may take for addresses, from each one's start."""
    words = re.findall(r"[^\s<]+", line)
    starts = [(word, BARE_LINK.search(word)) for word in words]
    return [word[start.start() :] for word, start in starts if start]


def _disarmed(line: str, spans: list[tuple[int, int]], less: str) -> str:
    if MAYBE_FENCE.match(line):
        # JupyterLab writes the words behind a fence into an attribute, without escaping them.
        return _disarm(re.sub(r'["$\\]', "", line), less)
    parts = []
    position = 0
    for start, end in [*spans, (len(line), len(line))]:
        parts += [_disarm(line[position:start], less), line[start:end]]
        position = end
    return "".join(parts)


def _disarm(text: str, less: str) -> str:
    text = _TAG.sub(less, text).replace("![", "! [").replace("]:", r"]\:")
    text = re.sub(r"\S+", _link_without_math, text)
    return _LINK.sub(r"]\\(", text)


def _link_without_math(word: re.Match[str]) -> str:
    """Part an address from the math behind it.

    Math is put into the page last and unescaped: in an address it could end the attribute.
    """
    start = BARE_LINK.search(word[0])
    if start is None:
        return word[0]
    return word[0][: start.end()] + re.sub(r"[$\\]+", r" \g<0>", word[0][start.end() :])
