"""Turns of a conversation into the messages of one request, trimmed to the model's window.

Contract: pure functions, no chat and no server. Nothing is left out silently: what did not
fit is in :attr:`Prompt.left_out`, in words. The system prompt and the user's last words are
never cut: where these alone do not fit, the request is refused with a sentence. The
unchanging part comes first (system, oldest turns), so that a server can reuse what it has
already read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.prompts import attachment_block

_PIECE = re.compile(r"[A-Za-z]{1,3}|[0-9]|[^\S\n]{2,}|\n\s*|[^\x00-\x7f]|[^\sA-Za-z0-9]")
_PER_MESSAGE = 8
"""Tokens that a chat template spends on one message's frame, rounded up."""

CONTEXT_SHARE = 1 / 3
"""How much of the room beside the question the context may take, which nobody attached by hand."""

_MIN_LINES = 3
"""An attachment of which fewer lines would remain is left out as a whole."""


@dataclass(frozen=True)
class Attachment:
    """A file, cell or selection that the user attached, or what belongs to it.

    Attributes:
        kind: ``source``, or of a cell its ``error``, its ``output``, or the ``names`` it may use,
            or what is selected in it (``selection``).
        share: how much of the room for attachments it may take where not all of them fit.
        keep: the line that is the last to go where it is cut; -1 is the last one.
        cell: whether it is a whole cell of a notebook.
    """

    name: str
    content: str
    language: str = "python"
    kind: str = "source"
    share: float = 1.0
    keep: int = 0
    cell: bool = False

    def block(self) -> str:
        return attachment_block(self.name, self.content, self.language)


@dataclass(frozen=True)
class Turn:
    """One message of the conversation.

    Attributes:
        attachments: what was attached by hand.
        context: what goes along by itself.
        talk: the messages it really was, where tools were called: with the calls and what came
            of them.
    """

    role: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    context: tuple[Attachment, ...] = ()
    talk: tuple[Mapping[str, Any], ...] | None = None

    def content(self) -> str:
        blocks = [attachment.block() for attachment in (*self.attachments, *self.context)]
        return "".join(blocks) + self.text

    def messages(self) -> list[dict[str, Any]]:
        """Return it as the messages of a request."""
        if self.talk is not None:
            return [dict(message) for message in self.talk]
        return [{"role": self.role, "content": self.content()}]

    def cost(self) -> int:
        """Return how many tokens it takes at most, roughly."""
        return cost_of(self.messages())


@dataclass(frozen=True)
class Prompt:
    """What is sent, and what is not.

    Attributes:
        asked: the question, with what fits of its attachments and context.
        kept: the earlier turns that are sent with it.
    """

    messages: list[dict[str, Any]]
    asked: Turn
    kept: Sequence[Turn] = ()
    left_out: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    tokens: int = 0
    sources: list[str] = field(default_factory=list)


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


def cost_of(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return how many tokens messages take at most, roughly; calls of tools count, too."""
    total = 0
    for message in messages:
        calls = message.get("tool_calls")
        text = message["content"] + (json.dumps(calls, ensure_ascii=False) if calls else "")
        total += _cost(text)
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
    question, left_out, used = _fit_question(question, budget - fixed)
    used += fixed
    kept: list[Turn] = []
    earlier = list(turns[:-1])
    while earlier:
        turn = earlier[-1]
        if used + turn.cost() > budget:
            break
        used += turn.cost()
        kept.insert(0, earlier.pop())
    while kept and kept[0].role != "user":  # an answer without its question helps nobody
        used -= kept[0].cost()
        earlier.append(kept.pop(0))
    if earlier:
        count = len(earlier)
        left_out.insert(0, f"{count} earlier message{'s' if count > 1 else ''}")
    messages: list[dict[str, Any]] = []
    if system.strip():
        messages.append({"role": "system", "content": system})
    messages += [message for turn in [*kept, question] for message in turn.messages()]
    return Prompt(messages, question, kept, left_out, tokens=used)


def context_cost(context: Sequence[Attachment], budget: int | None) -> int:
    """Return about how many tokens of a context are sent.

    Args:
        context: what would go along with a question.
        budget: tokens for the whole prompt, where that is known.
    """
    if budget is None:
        return sum(estimate_tokens(each.block()) for each in context)
    return _fit(context, int(budget * CONTEXT_SHARE))[2]


def _cost(text: str) -> int:
    return estimate_tokens(text) + _PER_MESSAGE


def _fit_question(question: Turn, room: int) -> tuple[Turn, list[str], int]:
    """Return the question with what fits of what goes along, what does not, and the cost."""
    attached, left_out, used = _fit(question.attachments, room)
    rest = min(room - used, int(room * CONTEXT_SHARE))
    context, more, cost = _fit(question.context, rest)
    fitting = replace(question, attachments=tuple(attached), context=tuple(context))
    return fitting, left_out + more, used + cost


def _fit(attachments: Sequence[Attachment], room: int) -> tuple[list[Attachment], list[str], int]:
    """Return what fits of the attachments, what does not, and the cost."""
    costs = [estimate_tokens(attachment.block()) for attachment in attachments]
    if sum(costs) <= room:  # nobody's share matters
        return list(attachments), [], sum(costs)
    fitting: list[Attachment] = []
    left_out: list[str] = []
    used = 0
    for attachment, cost in zip(attachments, costs, strict=True):
        most = min(room - used, int(room * attachment.share))
        if cost > most:
            cut, gone = _cut(attachment, most)
            left_out.append(gone)
            if cut is None:
                continue
            attachment, cost = cut, estimate_tokens(cut.block())
        fitting.append(attachment)
        used += cost
    return fitting, left_out, used


def _cut(attachment: Attachment, room: int) -> tuple[Attachment | None, str]:
    """Return the lines of an attachment that fit, around the one to keep, and what is left out."""
    lines = attachment.content.splitlines()
    costs = [estimate_tokens(line) + 1 for line in lines]
    room -= estimate_tokens(replace(attachment, content="").block())
    first = min(attachment.keep % len(lines), len(lines) - 1) if lines else 0
    last = first - 1  # the lines first..last stay; there is none yet
    grown = True
    while grown:
        grown = False
        for index in (last + 1, first - 1):
            if 0 <= index < len(lines) and costs[index] <= room:
                room -= costs[index]
                first, last = min(first, index), max(last, index)
                grown = True
    if last - first + 1 < min(_MIN_LINES, len(lines)) or last < first:
        return None, attachment.name
    if first == 0:
        gone = f"{attachment.name} after line {last + 1:,} of {len(lines):,}"
    elif last == len(lines) - 1:
        gone = f"{attachment.name} before line {first + 1:,} of {len(lines):,}"
    else:
        gone = f"{attachment.name} but lines {first + 1:,} to {last + 1:,} of {len(lines):,}"
    return replace(attachment, content="\n".join(lines[first : last + 1])), gone
