"""Where an answer appears while it grows.

Contract: ``grow`` may be called for every token and costs the front end at most about
20 updates a second, fewer where one takes long (a very long answer); ``finish`` replaces what is
shown by the final form. In a notebook an answer is one output that is updated in place, by
``display_data`` and ``update_display_data`` of plain MIME types, which JupyterLab, Notebook,
VS Code and nbclient all know. ``text`` answers, and programs whose output is piped, get the
words on standard output as they come; a real terminal gets Markdown drawn (``terminal``).
Nothing goes to standard error.
"""

from __future__ import annotations

import re
import sys
import time
from typing import Any, Protocol

from local_assistant.lab.magics.markdown import safe_markdown

_UPDATE_S = 0.05
_UPDATE_SHARE = 10
"""Updates may take a tenth of the time: each one shows the whole answer."""

_THINKS = "*The model thinks…*"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Screen(Protocol):
    """One growing answer."""

    def grow(self, piece: str) -> None:
        """Show ``piece`` behind what is there."""

    def finish(self, bundle: dict[str, Any] | None) -> None:
        """Show everything; a bundle takes the place of the text so far."""


def open_screen(shell: Any, output_format: str, model: str) -> Screen:
    """Return the place for an answer of ``model`` in this shell."""
    if not in_notebook(shell):
        if output_format == "markdown" and sys.stdout.isatty():
            from local_assistant.lab.magics.terminal import Terminal

            return Terminal()
        return Stream()
    if output_format == "text":
        return Stream()
    return _Output("text/markdown" if output_format == "markdown" else "text/plain", model)


def printable(text: str) -> str:
    """Return ``text`` without control characters: in a terminal they would act."""
    return _CONTROL.sub("", text)


def in_notebook(shell: Any) -> bool:
    """Return whether a front end shows this shell's outputs (not a terminal)."""
    return getattr(shell, "kernel", None) is not None


def show_note(shell: Any, text: str) -> None:
    """Show a short remark of ours, apart from the model's own words."""
    if not in_notebook(shell):
        sys.stdout.write(f"[{text}]\n")
        return
    from IPython.display import display

    escaped = text.replace("*", "\\*").replace("<", "&lt;")
    display({"text/markdown": f"*{escaped}*", "text/plain": text}, raw=True)


def show_page(shell: Any, markdown: str, plain: str) -> None:
    """Show a page of ours: Markdown in a notebook, plain text in a terminal."""
    if not in_notebook(shell):
        sys.stdout.write(plain.rstrip() + "\n")
        return
    from IPython.display import display

    display({"text/markdown": markdown, "text/plain": plain}, raw=True)


class Stream:
    """Standard output, for plain text and for terminals."""

    def __init__(self) -> None:
        self._flushed = 0.0
        self._last = "\n"

    def grow(self, piece: str) -> None:
        piece = printable(piece)
        if not piece:
            return
        sys.stdout.write(piece)
        self._last = piece[-1]
        now = time.monotonic()
        if now - self._flushed >= _UPDATE_S:
            sys.stdout.flush()
            self._flushed = now

    def finish(self, bundle: dict[str, Any] | None) -> None:
        if self._last != "\n":
            sys.stdout.write("\n")
        sys.stdout.flush()


class _Output:
    """One output of a notebook cell, updated in place."""

    def __init__(self, mime: str, model: str) -> None:
        self._mime = mime
        self._metadata = {"local_assistant": {"model": model}}
        self._text = ""
        self._handle: Any = None
        self._next = 0.0

    def grow(self, piece: str) -> None:
        self._text += piece
        now = time.monotonic()
        if now < self._next or (not self._text and self._handle is not None):
            return
        self._show(self._so_far())
        shown = time.monotonic()
        self._next = shown + max(_UPDATE_S, (shown - now) * _UPDATE_SHARE)

    def finish(self, bundle: dict[str, Any] | None) -> None:
        if bundle is not None or self._text:
            self._show(bundle or self._so_far())

    def _so_far(self) -> dict[str, Any]:
        if not self._text:
            return {"text/markdown": _THINKS, "text/plain": _THINKS.strip("*")}
        if self._mime == "text/markdown":
            return {"text/markdown": safe_markdown(self._text), "text/plain": self._text}
        return {"text/plain": self._text}

    def _show(self, bundle: dict[str, Any]) -> None:
        from IPython.display import DisplayHandle

        if self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(bundle, raw=True, metadata=self._metadata)
        else:
            self._handle.update(bundle, raw=True, metadata=self._metadata)
