"""``%%ai`` and ``%ai``: registration only.

Contract: this module is imported when a kernel starts, so it imports nothing beyond the
standard library and does nothing but put one function into IPython's table of magics, and
``Err`` into the user's names; the rest of the package is imported at the first use, or at a
cell's first error. Registering twice keeps the first
registration and its state. Whoever registers an ``ai`` magic after us wins.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MARK = "_local_assistant"


def register(ipython: Any) -> None:
    """Register the magics in this shell, in place of anybody else's."""
    if _registered(ipython):
        return
    ai = _magic(ipython, _keep_errors(ipython))
    for kind in ("line", "cell"):
        ipython.register_magic_function(ai, magic_kind=kind, magic_name="ai")
    _accept_empty_cells(ipython)


def register_if_free(ipython: Any) -> None:
    """Register the magics unless this shell has an ``ai`` magic already.

    For the start-up file that the package installs: what a user's own start-up files
    have loaded stays.
    """
    if ipython is not None and _current(ipython, "cell") is None:
        register(ipython)


def _keep_errors(ipython: Any) -> Callable[[], Any]:
    """Note the errors of cells from now on; returns a way to them."""
    errors: list[Any] = []

    def look(result: Any) -> None:
        if result.error_before_exec is None and result.error_in_exec is None:
            return
        # IPython would print what goes wrong here below the user's own error.
        with contextlib.suppress(Exception):
            from local_assistant.lab.magics.mishaps import note

            note(ipython, collection(), result)

    def collection() -> Any:
        if not errors:
            from local_assistant.lab.magics.mishaps import Errors

            errors.append(Errors())
            for names in (ipython.user_ns, ipython.user_ns_hidden):
                names.setdefault("Err", errors[0])
        return errors[0]

    ipython.events.register("post_run_cell", look)
    return collection


def _magic(ipython: Any, errors: Callable[[], Any]) -> Any:
    """Return the magic function; it keeps one session for the life of the kernel."""
    session: list[Any] = []
    try:
        # A kernel starts in its notebook's folder; a later chdir does not move the notebook.
        start: Path | None = Path.cwd()
    except OSError:
        start = None

    def ai(line: str, cell: str | None = None) -> None:
        """Ask the model that assistant.toml names. `%ai help` shows the grammar."""
        if not session:
            from local_assistant.lab.magics.session import Session

            session.append(Session(ipython, start, errors()))
        session[0].run(line, cell)

    setattr(ai, _MARK, True)
    return ai


def _current(ipython: Any, kind: str) -> Any:
    return ipython.magics_manager.magics[kind].get("ai")


def _registered(ipython: Any) -> bool:
    return all(hasattr(_current(ipython, kind), _MARK) for kind in ("line", "cell"))


def _accept_empty_cells(ipython: Any) -> None:
    """Let ``%%ai`` without a body reach us: IPython would answer it on stderr.

    IPython refuses a cell magic whose body is the empty string before it calls the
    magic, so the body of an empty ``%%ai`` cell becomes one empty line.
    """
    transforms = ipython.input_transformer_manager.cleanup_transforms
    if any(hasattr(transform, _MARK) for transform in transforms):
        return

    def empty_ai_cell(lines: list[str]) -> list[str]:
        first = lines[0] if lines else ""
        is_ours = first.split(maxsplit=1)[:1] == ["%%ai"] and _registered(ipython)
        if is_ours and not "".join(lines[1:]):
            return [first.rstrip("\n") + "\n", "\n"]
        return lines

    setattr(empty_ai_cell, _MARK, True)
    transforms.append(empty_ai_cell)
