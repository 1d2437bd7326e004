"""A chat's file is replaced in one step, so that no kill and no full disk takes what was shown.

Contract: jupyterlab-chat writes the file anew in place with every piece of an answer, before it
shows the piece. Whoever is killed in between leaves half a file, which it later takes for an empty
chat and writes over. Here the new content goes beside the file and then into its place; where
that cannot be done the file stays as it was, the chat goes on, and :attr:`Saving.problem` says why.
Shared (RTC) chats are saved by others and left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.errors import AssistantError


class Saving:
    """Takes over the saving of one chat.

    Attributes:
        problem: why the chat is not saved as it is shown, or None.
        damaged: where a copy of the file lies that could not be read, or None.
    """

    def __init__(self, chat: Any) -> None:
        self._chat = chat
        self.problem: AssistantError | None = None
        self.damaged: Path | None = None
        if all(hasattr(chat, name) for name in ("save", "to_dict", "root_dir", "path")):
            self._in_place = chat.save
            self._set_damaged_aside()
            chat.save = self.save

    @property
    def _file(self) -> Path:
        """The real file (a link is written through); a chat may be renamed at any time."""
        return Path(os.path.realpath(Path(self._chat.root_dir) / self._chat.path))

    def save(self) -> None:
        text = json.dumps(self._chat.to_dict(), indent=2)
        try:
            _replace(self._file, text)
        except PermissionError:
            # A folder in which nothing can be made, or (Windows) a file that is just being read.
            with contextlib.suppress(OSError):
                self._in_place()
                self.problem = None
                return
            self._failed(PermissionError(13, "Permission denied"))
        except OSError as error:
            self._failed(error)
        else:
            self.problem = None

    def _failed(self, error: OSError) -> None:
        self.problem = AssistantError(
            f"This chat is not saved: cannot write {paths.display(self._file)} "
            f"({error.strerror or error}).",
            "Free space or fix its permissions; the next message saves all of it.",
        )

    def _set_damaged_aside(self) -> None:
        """Copy a file that is no chat: the first message would replace it."""
        file = self._file
        try:
            raw = file.read_bytes()
        except OSError:
            return  # there is none, or nobody can read it: nothing is lost here
        try:
            if not raw.strip() or isinstance(json.loads(raw), dict):
                return
        except (ValueError, RecursionError):
            pass
        copy = file.with_name(f"{file.name}.damaged")
        with contextlib.suppress(OSError):
            if not copy.exists():
                shutil.copyfile(file, copy)
            self.damaged = copy


def _replace(file: Path, text: str) -> None:
    # One name for each chat: what a kill leaves is used again by the next message.
    temporary = file.with_name(f".{file.name}.saving")
    try:
        temporary.write_text(text, encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):  # a new chat
            temporary.chmod(stat.S_IMODE(file.stat().st_mode))
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
