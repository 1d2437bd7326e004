"""``/generate TOPIC``: a new notebook beside the chat, written cell by cell.

Contract: the model plans a few steps, then writes the code of each; where it plans nothing that
can be read (a very small model), the topic itself is the only step. The file is valid after each
cell, so stopping keeps what is there; a file that was changed meanwhile is left alone, and none is
ever overwritten. Nothing is run: that is for the user to decide. Code that is no Python is
asked for once more, then stands in the notebook as text, so that the rest runs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local_assistant.errors import AssistantError
from local_assistant.lab import prompts
from local_assistant.lab.chat import beside, notes
from local_assistant.lab.chat.files import notebook_text, replace_own, write_new
from local_assistant.lab.chat.names import parses, plain
from local_assistant.lab.chat.prompt import Attachment, Turn
from local_assistant.lab.magics.markdown import safe_markdown

GENERATE = "/generate"
_STEP = re.compile(r"^\s{0,3}(?:\*\*)?(?:step\s+)?\d+[.):]+\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)\d")  # on Windows, whatever the ending
_MOST_STEPS = 6
_MOST_NAME = 40
_TRIES = 2

Cell = tuple[bool, str]
"""Whether it is code, and its text."""


class Ask(Protocol):
    """Asks the model one thing and returns its whole answer."""

    def __call__(self, turn: Turn, output_format: str) -> Awaitable[str]: ...


@dataclass(frozen=True)
class Plan:
    """What a notebook is to hold.

    Attributes:
        topic: what the user asked for.
        steps: one for each cell of code.
    """

    topic: str
    steps: tuple[str, ...]

    def question(self, step: str) -> str:
        """Return how the model is asked for the code of a step."""
        if self.steps == (self.topic,):
            return step
        return prompts.STEP.format(topic=self.topic, step=step)


def is_generate(text: str) -> bool:
    """Return whether a message is the command."""
    return text.split()[:1] == [GENERATE]


async def writing(
    text: str, folder: Path, root: Path, ask: Ask, tell: Callable[[str], None]
) -> AsyncIterator[str]:
    """Write the notebook; yield what to say as it grows, as notes.

    Args:
        text: the message.
        folder: where the notebook goes.
        root: JupyterLab's folder, from which it is opened.
        ask: asks the model.
        tell: shows a status.

    Raises:
        AssistantError: no topic, no model, no room.
    """
    topic = text.strip()[len(GENERATE) :].strip()
    if not topic:
        raise AssistantError(
            "There is no topic.", f"Write it behind the command: {GENERATE} prime numbers"
        )
    tell("is planning")
    plan = planned(topic, await ask(Turn("user", prompts.OUTLINE.format(topic=topic)), "text"))
    cells: list[Cell] = [(False, f"# {_title(topic)}")]
    written = notebook_text(cells)
    path = await asyncio.to_thread(write_new, folder, _stem(topic), ".ipynb", written)
    steps = [f"{number}. {step}" for number, step in enumerate(plan.steps, 1)]
    yield notes.note(f"Writing {path.name}:", *steps)
    for number, step in enumerate(plan.steps, 1):
        tell(f"is writing step {number} of {len(plan.steps)}")
        more, problem = await _cell(plan, step, cells, ask)
        cells += more
        before, written = written, notebook_text(cells)
        await asyncio.to_thread(replace_own, path, before, written)
        yield "\n\n" + notes.note(f"Step {number} is {problem or 'written'}.")
    code = any(is_code for is_code, _ in cells)
    end = (
        "is complete. Read its code before you run it" if code else "has no code: none was written"
    )
    yield "\n\n" + notes.note(f"{path.name} {end}.")
    await beside.open_file(_from_root(path, root))


def planned(topic: str, outline: str) -> Plan:
    """Return the steps that a model's outline names."""
    found = (match[1].strip().strip("*`: ") for match in _STEP.finditer(outline))
    steps = tuple(step for step in dict.fromkeys(found) if step)[:_MOST_STEPS]
    return Plan(topic, steps or (topic,))


async def _cell(
    plan: Plan, step: str, cells: list[Cell], ask: Ask
) -> tuple[list[Cell], str | None]:
    """Return the cells of a step, and what is wrong with them."""
    own_words = plan.steps == (plan.topic,)
    head: list[Cell] = [] if own_words else [(False, safe_markdown(f"## {step}"))]
    code = "\n\n".join(source for is_code, source in cells if is_code)
    so_far = (Attachment("Code so far", code, share=0.5, keep=-1),) if code else ()
    answer = source = ""
    for _ in range(_TRIES):
        answer = await ask(Turn("user", plan.question(step), so_far), "code")
        source = _source(answer)
        if source and parses(source):
            return [*head, (True, source)], None
    text = f"```python\n{source}\n```" if source else answer.strip()
    if not text:
        return head, "missing: the model said nothing"
    said = "not Python code, so it stands in the notebook as text"
    return [*head, (False, safe_markdown(text))], said


def _source(answer: str) -> str:
    from local_assistant.lab.magics.formats import render

    return (render("code", answer, plain).next_cell or "").strip()


def _title(topic: str) -> str:
    title = " ".join(topic.split())
    return title[:1].upper() + title[1:]


def _stem(topic: str) -> str:
    """Return a file name that every system takes."""
    words = re.sub(r"[^\w]+", "-", topic.lower()).strip("-_")
    stem = words[:_MOST_NAME].rstrip("-_") or "notebook"
    return f"about-{stem}" if _RESERVED.fullmatch(stem) else stem


def _from_root(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
