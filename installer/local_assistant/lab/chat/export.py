"""``/export``: the chat as a Markdown file, or as a notebook, beside the chat's own file.

Contract: Markdown holds what was shown; a notebook what was said, its Python as code cells, without
notes and thoughts. Nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.files import notebook_text, write_new

EXPORT = "/export"
_NOTEBOOK = "notebook"
_SYSTEM_USER = "hidden::"


def export(
    words: Sequence[str],
    messages: Sequence[Any],
    names: Mapping[str, str],
    persona_id: str,
    chat: Path,
) -> str:
    """Write the file and return what to say about it.

    Args:
        words: what follows the command.
        messages: those of the chat, oldest first; the last one is the command.
        names: of the senders, by id.
        persona_id: whose messages are the model's.
        chat: the chat's own file.

    Raises:
        AssistantError: unknown words, nothing to write, or no room for it.
    """
    if words and list(words) not in ([_NOTEBOOK], ["markdown"]):
        raise AssistantError(
            f"{EXPORT} knows no {' '.join(words)}.", f"Write: {EXPORT}, or {EXPORT} {_NOTEBOOK}"
        )
    said = [
        each
        for each in messages[:-1]
        if not each.deleted and not each.sender.startswith(_SYSTEM_USER) and each.body.strip()
    ]
    if not said:
        raise AssistantError("There is nothing to export yet.", "Ask something first.")
    if list(words) == [_NOTEBOOK]:
        path = write_new(chat.parent, chat.stem, ".ipynb", _notebook(said, persona_id))
    else:
        path = write_new(chat.parent, chat.stem, ".md", _markdown(said, names, chat.stem))
    return notes.note(f"Written: {path.name}, beside this chat.")


def _markdown(messages: Sequence[Any], names: Mapping[str, str], title: str) -> str:
    blocks = [f"# {title}"]
    for message in messages:
        blocks += [f"## {names.get(message.sender) or message.sender}", message.body.strip()]
    return "\n\n".join(blocks) + "\n"


def _notebook(messages: Sequence[Any], persona_id: str) -> str:
    from local_assistant.lab.magics.formats import parts

    cells: list[tuple[bool, str]] = []
    for message in messages:
        if message.sender == persona_id:
            cells += parts(notes.without_notes(message.body))
        else:
            quoted = (f"> {line}" for line in message.body.strip().splitlines())
            cells.append((False, "\n".join(quoted)))
    return notebook_text(cells)
