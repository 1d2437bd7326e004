"""What the ``%%ai`` of Jupyter AI itself needs in a kernel, where it is installed.

Contract: called when a kernel starts, so it imports the standard library alone, and Jupyter
AI not at all: it sets the traits that ``%load_ext jupyter_ai_magic_commands`` (3) or
``%load_ext jupyter_ai_magics`` (2) reads later, each only where the user's own IPython
configuration does not. ``%%ai`` is then answered by the fixed name of the chat's model, which
``%%ai assistant`` and ``%%ai assistant-chat`` mean, too. Where the server is, is looked up
before each cell that asks those magics: a kernel outlives a change of the server, and may have
been started by something else than a JupyterLab with our extension. What the user has set in
the environment stays.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

MAGICS_3 = "jupyter_ai_magic_commands"
MAGICS_2 = "jupyter_ai_magics"
CLASS = "AiMagics"
SHORT = "assistant"
"""The alias that is easy to type."""

_LOCAL_PRICES = "LITELLM_LOCAL_MODEL_COST_MAP"


def prepare(ipython: Any) -> None:
    """Set what the stock magics will read; nothing where they are not installed."""
    if ipython is None:
        return
    if find_spec(MAGICS_3) is not None:
        # LiteLLM would fetch a list of prices from the network while it is imported.
        os.environ.setdefault(_LOCAL_PRICES, "True")
        # Said by an installation that is in order, too.
        warnings.filterwarnings("ignore", message="Importing 'jupyter_ai_litellm' outside")
        _set(ipython.config, traits_3())
        _look_before(ipython, MAGICS_3)
    elif find_spec(MAGICS_2) is not None:
        _set(ipython.config, traits_2())
        _look_before(ipython, MAGICS_2)


def traits_3() -> dict[str, Any]:
    """Return the traits for Jupyter AI 3: it takes only a model that it lists, or an alias."""
    from local_assistant.server.own_names import ALIASES

    alias = {
        "target": f"ollama_chat/{ALIASES['chat']}",
        "api_base": None,
        "api_key_name": None,
    }
    return {
        "initial_language_model": ALIASES["chat"],
        "initial_aliases": {ALIASES["chat"]: alias, SHORT: dict(alias)},
    }


def traits_2() -> dict[str, Any]:
    """Return the traits for Jupyter AI 2."""
    from local_assistant.server.own_names import ALIASES

    chat, completion = (f"ollama:{ALIASES[role]}" for role in ("chat", "completion"))
    return {
        "default_language_model": chat,
        "aliases": {ALIASES["chat"]: chat, SHORT: chat, ALIASES["completion"]: completion},
    }


def _set(config: Any, traits: Mapping[str, Any]) -> None:
    """Set the traits that the user has not set; aliases are added to those that are there."""
    section = config[CLASS]
    for name, value in traits.items():
        if not isinstance(value, dict):
            section.setdefault(name, value)
        elif name not in section:
            section[name].update(value)  # traitlets' way to add to a default
        elif isinstance(section[name], dict):
            section[name] = {**value, **section[name]}


def _look_before(ipython: Any, magics: str) -> None:
    """Find the server before each cell that asks the stock magics, once they are loaded."""

    def look(info: Any) -> None:
        if magics in sys.modules and str(info.raw_cell).lstrip().startswith(("%%ai", "%ai")):
            _find_server()

    ipython.events.register("pre_run_cell", look)


def _find_server() -> None:
    from local_assistant.config import load_config
    from local_assistant.lab.keeper import Environment
    from local_assistant.models import aliases
    from local_assistant.models.answering import answers, stock_server

    try:
        config = load_config().config
        found = answers(config, start=True)
        aliases.point(found)
        Environment().point_at(stock_server(found))
    except Exception as error:
        # The question that follows says that nothing answers; this is why.
        from local_assistant.log import logger

        logger("kernel").info("stock magics: %s", error)
