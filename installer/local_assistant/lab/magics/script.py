"""``local_assistant.ask``: the question of ``%%ai`` for scripts and functions.

Contract: the same settings, formats and errors as ``%%ai``, without a notebook: the answer comes
back, and nothing is printed. What ``%%ai`` would remark (that another model answers, or one off
this machine) is a ``UserWarning``. Each call stands alone unless ``history`` says otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

from local_assistant.errors import AssistantError
from local_assistant.lab.magics import grammar
from local_assistant.lab.magics.dialogue import Dialogue
from local_assistant.lab.magics.formats import render, without_thoughts
from local_assistant.lab.magics.schema import ANY, shape


class Conversation:
    """Questions that know what was asked before: pass one to :func:`ask` as ``history``."""

    def __init__(self) -> None:
        self._dialogue = Dialogue(_folder(), _remark)

    def __len__(self) -> int:
        """How many questions it holds."""
        return len(self._dialogue.history)


@overload
def ask(
    prompt: str,
    *,
    model: str | None = None,
    format: str | None = None,
    schema: Any = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    system: str | None = None,
    history: Conversation | None = None,
    stream: Literal[False] = False,
) -> Any: ...


@overload
def ask(
    prompt: str,
    *,
    model: str | None = None,
    format: str | None = None,
    schema: Any = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    system: str | None = None,
    history: Conversation | None = None,
    stream: Literal[True],
) -> Iterator[str]: ...


def ask(
    prompt: str,
    *,
    model: str | None = None,
    format: str | None = None,
    schema: Any = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    system: str | None = None,
    history: Conversation | None = None,
    stream: bool = False,
) -> Any:
    """Ask the model, and return its answer.

    Args:
        prompt: the question, sent as it stands.
        model: who answers; without one, assistant.toml decides.
        format: ``markdown`` (the default), ``code``, ``text``, ``json``, ``math`` or ``html``.
        schema: what JSON it must be: a JSON schema as a dict or a path, a pydantic model or a
            type. The answer is then a checked object (of the model's class, for a model).
        temperature: from 0 to 2.
        max_tokens: how long the answer may get.
        system: what the model is told first, in place of ``[chat] system_prompt``.
        history: a :class:`Conversation` to go on with.
        stream: return an iterator over the pieces of the text instead. Ending it, or closing
            it, stops the model.

    Returns:
        The text, for ``code`` the code alone, for ``json`` the object.

    Raises:
        AssistantError: no model can answer, or the answer is not of the wanted form.
    """
    if not isinstance(prompt, str) or not prompt.strip():
        raise AssistantError("The prompt is empty.", 'Call ask("your question").')
    question = _question(model, format, schema, temperature, max_tokens, system)
    wanted = ANY if schema is None else shape(schema)
    conversation = Conversation() if history is None else history
    if stream:
        if question.format == "json":
            raise AssistantError(
                "JSON cannot be checked while it is written.", "Leave stream or the format out."
            )
        return _pieces(conversation, question, prompt)
    dialogue = conversation._dialogue
    with dialogue.answer(question, dialogue.choice(question), prompt, wanted) as answer:
        for _ in answer:
            pass
    rendered = render(question.format, answer.text, shape=wanted)
    if not rendered.bundle["text/plain"]:
        raise AssistantError("The model gave an empty answer.", "Say it in other words.")
    if rendered.problem:
        raise AssistantError(rendered.problem, f"It said: {answer.text[:200]}")
    dialogue.history.add(prompt, rendered.bundle["text/plain"])
    return rendered.value


def _folder() -> Path | None:
    """Return where a project's assistant.toml is looked for: the working folder, if any."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _remark(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=2)


def _pieces(conversation: Conversation, question: grammar.Question, prompt: str) -> Iterator[str]:
    dialogue = conversation._dialogue
    with dialogue.answer(question, dialogue.choice(question), prompt) as answer:
        for piece in answer:
            if piece:
                yield piece
    dialogue.history.add(prompt, without_thoughts(answer.text))


def _question(
    model: str | None,
    form: str | None,
    schema: Any,
    temperature: float | None,
    max_tokens: int | None,
    system: str | None,
) -> grammar.Question:
    default = grammar.DEFAULT_FORMAT if schema is None else "json"
    question = grammar.Question(
        model=model,
        format=grammar.checked_format(form or default),
        system=system,
        schema=None if schema is None else "schema",
    )
    if temperature is not None:
        most = grammar.MAX_TEMPERATURE
        value = grammar.number(str(temperature), "temperature", most, whole=False)
        question = replace(question, temperature=value)
    if max_tokens is not None:
        value = grammar.number(str(max_tokens), "max_tokens", grammar.MAX_TOKENS, whole=True)
        question = replace(question, max_tokens=value)
    return grammar.checked(question)
