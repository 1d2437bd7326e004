"""An answer in IPython's terminal: Markdown drawn with colours while it comes.

Contract: a block (a paragraph, a list, a code block) is drawn once it is whole and stays; the
one that is being written is shown as plain text below and never takes more lines than the
terminal has, so that nothing flickers or is written twice. Control characters of the model
never reach the terminal. rich is imported on first use.
"""

from __future__ import annotations

import re
from typing import Any

from local_assistant.lab.magics.screen import printable

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_FREE_LINES = 3


class Terminal:
    """The screen of one answer."""

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        # Now, and not at the shell's start: the window may have been made wider since.
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._open = ""

    def grow(self, piece: str) -> None:
        from rich.text import Text

        self._open += printable(piece)
        whole, self._open = split_blocks(self._open)
        if whole:
            self._draw(whole)
        self._live.start()
        lines = self._open.splitlines()[-max(self._console.height - _FREE_LINES, 1) :]
        self._live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)

    def finish(self, bundle: dict[str, Any] | None) -> None:
        self._live.stop()
        self._draw(self._open)
        self._open = ""

    def _draw(self, block: str) -> None:
        from rich.markdown import Markdown

        if block.strip():
            self._live.stop()
            self._console.print(Markdown(block, hyperlinks=False), end="\n")


def split_blocks(text: str) -> tuple[str, str]:
    """Return the blocks of a Markdown text that are whole, and what is still being written."""
    end = 0
    for match in re.finditer(r"\n[ \t]*\n", text):
        if not _inside_fence(text[: match.start() + 1]):
            end = match.end()
    return text[:end], text[end:]


def _inside_fence(text: str) -> bool:
    fence = ""
    for match in _FENCE.finditer(text):
        if not fence:
            fence = match[1]
        elif match[1][0] == fence[0] and len(match[1]) >= len(fence):
            fence = ""
    return bool(fence)
