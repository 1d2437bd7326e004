"""What a model says to one request, as the chat shows it while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_assistant.lab.chat import notes
from local_assistant.lab.chat.backend import Counts, Piece
from local_assistant.lab.chat.thoughts import Folding
from local_assistant.lab.options import MAX_CHARACTERS


@dataclass
class Speech:
    """What was said; filled in while it comes.

    Attributes:
        counts: what was counted.
        answer: the words, without thoughts.
        calls: the tools called.
        endless: whether it was left for its length.
    """

    counts: Counts = field(default_factory=Counts)
    answer: str = ""
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    endless: bool = False


async def speak(
    pieces: AsyncIterator[Piece],
    speech: Speech,
    set_status: Callable[[str], None] = lambda status: None,
) -> AsyncIterator[str]:
    """Yield Markdown of the pieces; an answer that does not end is left.

    Args:
        pieces: of the answer.
        speech: filled in.
        set_status: shows what the model is doing.
    """
    folding, length = Folding(), 0
    async for piece in pieces:
        before = folding.thinking
        speech.calls.extend(piece.calls)
        shown = folding.add(piece.text, piece.thought)
        speech.answer = folding.answer
        if folding.thinking != before:
            set_status("is thinking" if folding.thinking else "is typing")
        yield shown
        length += len(shown)
        if length > MAX_CHARACTERS:
            speech.endless = True
            break
    yield folding.end()
    speech.answer = folding.answer
    if speech.endless:
        yield "\n\n" + notes.note("The answer did not end, so it was stopped.")
