"""How a failed cell looks: one sentence, no traceback, and still a failed cell.

Contract: the only exception that leaves ``%%ai`` is :class:`CellFailed`. IPython asks an
exception for ``_render_traceback_`` and shows just that; the cell counts as failed, so
that "Run All" and ``nbconvert --execute`` stop there instead of going on in silence.
"""

from __future__ import annotations

import logging

from local_assistant.errors import AssistantError

_LOG_COMPONENT = "magics"


class CellFailed(Exception):
    """A ``%%ai`` cell that could not be answered; its text is what the user reads."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def cell_failure(error: BaseException) -> CellFailed:
    """Return what the user gets to see for ``error``; details go to the log file."""
    if isinstance(error, AssistantError):
        return CellFailed(str(error))
    if isinstance(error, KeyboardInterrupt):
        return CellFailed("Interrupted: the model was stopped, and what it said so far is above.")
    where = " The details are in the log: jupyter assistant logs" if _logged(error) else ""
    return CellFailed(
        f"%%ai failed in a way that was not foreseen ({type(error).__name__}: {error}).{where}"
    )


def _logged(error: BaseException) -> bool:
    """Write the traceback to the log file; without one, logging would take stderr."""
    from local_assistant.log import setup_logging

    if setup_logging(_LOG_COMPONENT) is None:
        return False
    logging.getLogger(__name__).error("unforeseen failure of %%ai", exc_info=error)
    return True
