"""Turns of a conversation into the messages of one request, trimmed to the model's window.

Contract: pure functions, no chat and no server. Nothing is left out silently: what did not
fit is in :attr:`Prompt.left_out`, in words. The system prompt and the user's last words are
never cut: where these alone do not fit, the request is refused with a sentence. The
unchanging part comes first (system, oldest turns), so that a server can reuse what it has
already read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from local_assistant.errors import AssistantError
from local_assistant.lab.prompts import attachment_block

_PIECE = re.compile(r"[A-Za-z]{1,3}|[0-9]|[^\S\n]{2,}|\n\s*|[^\x00-\x7f]|[^\sA-Za-z0-9]")
_PER_MESSAGE = 8
"""Tokens that a chat template spends on one message's frame, rounded up."""

_MIN_LINES = 3
"""An attachment of which fewer lines would remain is left out as a whole."""


@dataclass(frozen=True)
class Attachment:
    """A file, cell or selection that the user attached."""

    name: str
    content: str
    language: str = "python"

    def block(self) -> str:
        return attachment_block(self.name, self.content, self.language)


@dataclass(frozen=True)
class Turn:
    """One message of the conversation."""

    role: str
    text: str
    attachments: tuple[Attachment, ...] = ()

    def content(self) -> str:
        return "".join(attachment.block() for attachment in self.attachments) + self.text


@dataclass(frozen=True)
class Prompt:
    """What is sent, and what is not."""

    messages: list[dict[str, str]]
    left_out: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    tokens: int = 0


def estimate_tokens(text: str) -> int:
    """Return how many tokens ``text`` has at most, roughly.

    No server tells before it has read a prompt, so this errs upwards: letters in threes,
    each digit and each mark by itself, other scripts by their bytes. Tokenizers of large
    models need about half of that for prose; those of small ones come close to it.
    """
    total = 0
    for match in _PIECE.finditer(text):
        piece = match[0]
        total += 1 if piece.isascii() else len(piece.encode("utf-8", "replace"))
    return total


def build_prompt(system: str, turns: Sequence[Turn], budget: int, model: str) -> Prompt:
    """Return the messages of one request that fit into ``budget`` tokens.

    Args:
        system: the system prompt.
        turns: the conversation, oldest first; the last one is the user's question.
        budget: tokens for the whole prompt.
        model: the model's name, for the refusal.

    Raises:
        AssistantError: the question alone does not fit.
    """
    question = turns[-1]
    fixed = _cost(system) + _cost(question.text)
    if fixed > budget:
        raise AssistantError(
            f"Your message is too long for {model}: about {fixed:,} tokens, and it reads at "
            f"most {budget:,} beside its answer.",
            "Shorten the message, or choose a model that reads more (the model menu below, or "
            "jupyter assistant models).",
        )
    question, left_out, used = _fit_attachments(question, budget - fixed)
    used += fixed
    kept: list[Turn] = []
    earlier = list(turns[:-1])
    while earlier:
        turn = earlier[-1]
        if used + _cost(turn.content()) > budget:
            break
        used += _cost(turn.content())
        kept.insert(0, earlier.pop())
    while kept and kept[0].role != "user":  # an answer without its question helps nobody
        used -= _cost(kept[0].content())
        earlier.append(kept.pop(0))
    if earlier:
        count = len(earlier)
        left_out.insert(0, f"{count} earlier message{'s' if count > 1 else ''}")
    messages = [{"role": "system", "content": system}] if system.strip() else []
    messages += [{"role": turn.role, "content": turn.content()} for turn in [*kept, question]]
    return Prompt(messages, left_out, tokens=used)


def _cost(text: str) -> int:
    return estimate_tokens(text) + _PER_MESSAGE


def _fit_attachments(question: Turn, room: int) -> tuple[Turn, list[str], int]:
    """Return the question with what fits of its attachments, what does not, and the cost."""
    fitting: list[Attachment] = []
    left_out: list[str] = []
    used = 0
    for attachment in question.attachments:
        cost = estimate_tokens(attachment.block())
        if used + cost > room:
            lines = attachment.content.splitlines()
            count = _lines_that_fit(attachment, lines, room - used)
            if count < _MIN_LINES:
                left_out.append(attachment.name)
                continue
            left_out.append(f"{attachment.name} after line {count:,} of {len(lines):,}")
            attachment = replace(attachment, content="\n".join(lines[:count]))
            cost = estimate_tokens(attachment.block())
        fitting.append(attachment)
        used += cost
    return replace(question, attachments=tuple(fitting)), left_out, used


def _lines_that_fit(attachment: Attachment, lines: list[str], room: int) -> int:
    room -= estimate_tokens(replace(attachment, content="").block())
    for count, line in enumerate(lines):
        room -= estimate_tokens(line) + 1
        if room < 0:
            return count
    return len(lines)
