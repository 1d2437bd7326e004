"""``/learn`` and ``/ask``: the chat's side of the learned documents (``lab.learn``).

Contract: everything here blocks but :func:`learning`, which is awaited; texts for the user are
notes, so that no model reads them later. Imports of weight happen on use.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.model import short
from local_assistant.lab.chat.prompt import Turn, estimate_tokens

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.lab.learn.embedding import Embedder
    from local_assistant.lab.learn.index import Hit, Index
    from local_assistant.lab.learn.learning import Learned
    from local_assistant.server import Choice

LEARN = "/learn"
ASK = "/ask"
FORGET = "--forget"

_SHOWN = 8
_HITS = 8
_FRAME_TOKENS = 120
"""For the instruction around the passages, and the frame of two messages."""

_open: dict[Path, Index] = {}
"""Kept open, because an open one answers at once; there is one for each embedding model."""


def is_learn(text: str) -> bool:
    """Return whether a message is the command to learn, list or forget."""
    return text.split()[:1] == [LEARN]


def question_of(text: str) -> str | None:
    """Return what ``/ask`` asks, or None where the message is no such command."""
    return text.strip()[len(ASK) :].strip() if text.split()[:1] == [ASK] else None


async def learning(
    text: str, root: Path, config: AssistantConfig, tell: Callable[[str], None]
) -> str:
    """Do what a ``/learn`` message says and return what to answer.

    Args:
        text: the message.
        root: JupyterLab's folder.
        config: the configuration in force.
        tell: shows a status beside the persona's name; called on the event loop.

    Raises:
        AssistantError: wrong words, no such path, no model; what was learned stays.
    """
    words = _words(text)
    if not words:
        return await asyncio.to_thread(_listed, root, config)
    if words[0] == FORGET:
        return await asyncio.to_thread(_forget, words[1:], root, config)
    stop, loop = threading.Event(), asyncio.get_running_loop()

    def show(said: str) -> None:
        # Looked at here, on the loop: the thread may be at its last files after the stop button.
        if not stop.is_set():
            tell(said)

    def progress(done: Learned, path: str) -> None:
        said = f"is learning: {done.files} files, {Path(path).name}"
        loop.call_soon_threadsafe(show, said)

    try:
        return await asyncio.to_thread(_learn, words, root, config, progress, stop)
    finally:
        stop.set()  # also where the user pressed stop: the thread ends by itself


def grounded(
    turn: Turn, question: str, root: Path, config: AssistantConfig, budget: int
) -> tuple[list[Turn], list[str]]:
    """Return the turns to send for a question, and the sources to name under the answer.

    What was said before is not sent: the passages need its room.

    Args:
        turn: the user's message.
        question: what it asks.
        root: JupyterLab's folder, from which files are named.
        config: the configuration in force.
        budget: tokens for the whole prompt.

    Raises:
        AssistantError: no question, or nothing was learned with this embedding model.
    """
    from local_assistant.lab.learn.answering import question_text, sources

    if not question:
        raise AssistantError(
            "There is no question.", f"Write it behind the command: {ASK} how is the data cleaned?"
        )
    choice, index = _index(config)
    if not index.known():
        raise _nothing_learned(choice)
    hits: list[Hit] = index.search(_embedder(choice, config).question(question), _HITS)
    fixed = config.chat.system_prompt + question + "".join(a.block() for a in turn.attachments)
    room = budget - estimate_tokens(fixed) - _FRAME_TOKENS
    text, used = question_text(question, hits, root, room, estimate_tokens)
    if not used:
        raise AssistantError(
            "The model reads too little at once for even one passage.",
            "Set a larger context_tokens in [chat] of assistant.toml, or use another model.",
        )
    return [replace(turn, text=text)], sources(used, root)


def _words(text: str) -> list[str]:
    if os.name == "nt":
        text = text.replace("\\", "/")  # shlex reads a backslash as a mark of its own
    try:
        return shlex.split(text)[1:]
    except ValueError as error:
        raise AssistantError(
            f"The paths cannot be read: {error}.",
            f'Put a path with spaces in quotes: {LEARN} "a b"',
        ) from error


def _learn(
    words: list[str],
    root: Path,
    config: AssistantConfig,
    progress: Callable[[Learned, str], None],
    stop: threading.Event,
) -> str:
    from local_assistant.lab.learn.finding import resolve
    from local_assistant.lab.learn.learning import learn

    named = resolve(words, root)
    choice, index = _index(config)
    done = learn(named, index, _embedder(choice, config), progress, stop)
    lines = [_summary(done, choice)]
    if done.skipped:
        lines.append(f"Not learned: {_first(_reasons(done.skipped, root))}.")
    if choice.notice:
        lines.append(choice.notice)
    return notes.note(*lines, f"Ask about them: {ASK} QUESTION")


def _summary(done: Learned, choice: Choice) -> str:
    from local_assistant.setup.files import shown_bytes

    said = f"Learned {_count(done.files, 'file')} ({_count(done.passages, 'passage')}"
    said += f", {shown_bytes(done.bytes)}) in {done.seconds:.1f} s with {short(choice.model)}"
    more = [
        f"{done.unchanged:,} unchanged" if done.unchanged else "",
        f"{done.forgotten:,} gone and forgotten" if done.forgotten else "",
        "stopped: the rest is learned by the same command" if done.stopped else "",
    ]
    return "; ".join(filter(None, [said, *more])) + "."


def _reasons(skipped: list[tuple[str, str]], root: Path) -> list[str]:
    from local_assistant.lab.learn.answering import shown_path

    return [f"{shown_path(path, root)} ({reason})" for path, reason in skipped]


def _listed(root: Path, config: AssistantConfig) -> str:
    from local_assistant.lab.learn.answering import shown_path

    choice, index = _index(config)
    known = index.known()
    if not known:
        error = _nothing_learned(choice)
        return notes.note(error.message, error.fix or "")
    count = sum(file.passages for file in known.values())
    files = _first([shown_path(path, root) for path in known])
    return notes.note(
        f"Learned with {short(choice.model)}: {_count(len(known), 'file')}, "
        f"{_count(count, 'passage')}: {files}.",
        f"Forget: {LEARN} {FORGET} PATH, or {LEARN} {FORGET} all",
    )


def _forget(words: list[str], root: Path, config: AssistantConfig) -> str:
    if not words:
        raise AssistantError("Forget what?", f"Name a path, or all: {LEARN} {FORGET} all")
    from local_assistant.lab.learn.finding import absolute

    _, index = _index(config)
    # A file that is gone can be forgotten, too; so the paths need not exist.
    named = [absolute(word, root) for word in words]
    gone = [
        path
        for path in index.known()
        if words == ["all"] or any(Path(path).is_relative_to(name) for name in named)
    ]
    if not gone:
        raise AssistantError(
            f"Nothing was learned from {', '.join(words)}.", f"See what was learned: {LEARN}"
        )
    for path in gone:
        index.forget(path)
    return notes.note(f"Forgotten: {_count(len(gone), 'file')}. The files themselves stay.")


def _index(config: AssistantConfig) -> tuple[Choice, Index]:
    """Return what embeds, and the index of what it has embedded."""
    from local_assistant.lab.learn.index import Index, index_file
    from local_assistant.server import choose

    choice = choose("embedding", config)
    path = index_file(choice.model)
    if path in _open and not path.exists():  # deleted by hand, as an error may have told
        _open.pop(path).close()
    if path not in _open:
        _open[path] = Index(path)
    return choice, _open[path]


def _embedder(choice: Choice, config: AssistantConfig) -> Embedder:
    from local_assistant.lab.learn.embedding import Embedder
    from local_assistant.lab.options import embedding_options

    options = embedding_options(choice.model, config)
    return Embedder(choice.endpoint, choice.model, config.server.keep_alive, options)


def _nothing_learned(choice: Choice) -> AssistantError:
    from local_assistant.lab.learn.index import index_file, indexes

    mine = index_file(choice.model)
    others = [file.stem for file in indexes() if file != mine]
    said = f"Nothing is learned with {short(choice.model)} yet."
    if others:
        said += f" (There is what was learned with {', '.join(others)}.)"
    return AssistantError(said, f"Learn files or folders: {LEARN} docs notebooks/analysis.ipynb")


def _first(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
