"""A private AI coding assistant inside JupyterLab, answered by a model on the user's own machine.

Importing this package costs next to nothing: kernels import it at start, so nothing
heavy (pydantic, httpx, Jupyter) may be imported here. The functions below are the
hooks that IPython and Jupyter Server look for by name; ``ask`` and ``Conversation`` are for
scripts, and are imported when they are first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_assistant.errors import AssistantError
    from local_assistant.lab.magics.script import Conversation, ask

__all__ = ["AssistantError", "Conversation", "ask"]
__version__ = "0.1.0"


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%%ai`` and ``%ai`` (called by ``%load_ext local_assistant``)."""
    from local_assistant.lab.magics import register

    register(ipython)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "local_assistant.lab.extension"}]


def __getattr__(name: str) -> Any:
    if name == "AssistantError":
        from local_assistant.errors import AssistantError

        return AssistantError
    if name in __all__:
        from local_assistant.lab.magics import script

        return getattr(script, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
