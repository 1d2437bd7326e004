"""The change of what answers, for a page and for the chat.

Contract: blocking (call it in a thread). The user's ``assistant.toml`` is the only home of the
choice, and ``models.swap`` makes it: the same as ``jupyter assistant use``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import Role

PRESET = "preset"
_LONGEST = 512


def use(role: object, model: object) -> tuple[str, ...]:
    """Let ``model`` answer for ``role`` from now on; None takes the line out of the file.

    Args:
        role: ``chat``, ``completion``, ``embedding``, or ``preset`` for all of them: then the
            lines that name models go.
        model: its name; of a preset for that.

    Returns:
        What should be known of it, in sentences.

    Raises:
        NotInstalled: the model is not there, and can be pulled.
        AssistantError: there is no such role or preset, or the model cannot do that.
    """
    from local_assistant.config import ROLES
    from local_assistant.models.swap import NotInstalled, swap, unset, use_preset

    if role not in (*ROLES, PRESET):
        raise AssistantError(
            f"There is no role {role}.", f"The roles: {', '.join(ROLES)}, and {PRESET}."
        )
    if model is None:
        return unset(str(role)).notices
    if role == PRESET:
        done = use_preset(name_of(model))
        gone = {each: done.before[each] for each in ROLES if done.before[each] is not None}
        said = [f"{each}: {old} → as the preset says." for each, old in gone.items()]
        return (*said, *done.notices)
    try:
        return swap(cast("Role", role), name_of(model)).notices
    except NotInstalled as error:
        raise NotInstalled(error.message, missing_fix(error.model), error.model) from error


def missing_fix(model: str) -> str:
    """Return how a user of JupyterLab gets a model that is not there."""
    return (
        f'Download it: the ghost in the status bar, then "Models…". '
        f"In a terminal: jupyter assistant pull {model}"
    )


def name_of(given: object) -> str:
    """Return a model's name as the user gave it.

    Raises:
        AssistantError: it is none.
    """
    name = given.strip() if isinstance(given, str) else ""
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise AssistantError(
            "No model is named.", "Give a name like qwen2.5-coder:1.5b or hf.co/USER/REPO."
        )
    return name


def names_of(given: object, most: int) -> list[str]:
    """Return the models' names of a list, each once.

    Raises:
        AssistantError: it is none, or too long.
    """
    if not isinstance(given, list) or not given or len(given) > most:
        raise AssistantError("No models are named.", f'Give "models", a list of 1 to {most} names.')
    return list(dict.fromkeys(name_of(each) for each in given))
