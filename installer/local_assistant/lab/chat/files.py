"""Files that the chat makes: beside the chat, under a name that is free.

Contract: blocking; nothing is ever overwritten, also where two chats write at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local_assistant.errors import AssistantError

_MOST_NAMES = 1000


def write_new(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a new file, with a number added to its name where that is taken.

    Raises:
        AssistantError: it cannot be written there.
    """
    for number in range(_MOST_NAMES):
        path = folder / f"{stem}{f'-{number}' if number else ''}{suffix}"
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise AssistantError(
                f"{path} cannot be written ({error.strerror or error}).",
                "Make room there, or move the chat into a folder of yours.",
            ) from error
        return path
    raise AssistantError(
        f"There are {_MOST_NAMES} files called {stem} in {folder}.", "Delete or move some."
    )


def replace_own(path: Path, before: str, text: str) -> None:
    """Put ``text`` into a file that this program wrote.

    Args:
        path: the file.
        before: what was written into it last.
        text: what it holds from now on.

    Raises:
        AssistantError: somebody has changed it meanwhile, or it cannot be written.
    """
    try:
        if path.read_text(encoding="utf-8") != before:
            raise AssistantError(
                f"{path.name} was changed meanwhile, so the rest is not written into it.",
                "Send the message again for a new file.",
            )
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise AssistantError(
            f"{path} cannot be written ({error.strerror or error}).",
            "Make room there, then send the message again.",
        ) from error


def notebook_text(cells: Sequence[tuple[bool, str]]) -> str:
    """Return a notebook for this machine's Python as the text of a file.

    Args:
        cells: whether one is code, and its text.
    """
    import nbformat

    library: Any = nbformat  # it is typed in part only
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = library.v4.new_notebook(metadata={"kernelspec": kernel})
    for is_code, text in cells:
        new = library.v4.new_code_cell if is_code else library.v4.new_markdown_cell
        notebook.cells.append(new(text))
    return str(library.writes(notebook)) + "\n"
