"""Another model for a role: one line in assistant.toml, in force at once everywhere.

Contract: :func:`swap`, :func:`unset` and :func:`use_preset` are what the command line and
JupyterLab call; :func:`apply` is what follows from any change of the file, also one made by hand
(the Jupyter server's keeper calls it). The fixed names are re-pointed, and what no role uses any
more leaves the memory; never on a server off this machine. A model that is unknown or unfit
changes nothing.
Cheap at import.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.models.answering import Answers, answers
from local_assistant.server.choice import NotInstalled
from local_assistant.server.endpoint import NotRunning

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig, Role
    from local_assistant.server import Choice

__all__ = ["Applied", "NotInstalled", "Swapped", "Unfit", "apply", "swap", "unset", "use_preset"]


class Unfit(AssistantError):
    """The model cannot do what the role needs."""


@dataclass(frozen=True)
class Applied:
    """What followed from a change of the settings.

    Attributes:
        after: what answers now.
        aliases: the fixed names that mean another model now.
        unloaded: the models that were taken out of memory.
        notices: sentences about what did not go as it should, or should be known.
    """

    after: Answers
    aliases: tuple[str, ...] = ()
    unloaded: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Swapped:
    """A swap that was made.

    Attributes:
        file: the file that was edited.
        before: the lines as they were, by role or ``preset``; None where there was none.
        now: the same lines as they are.
        server: the address of the server that answers for the role; for a preset, for the chat.
        applied: what followed.
        notices: sentences about what should be known.
    """

    file: Path
    before: Mapping[str, str | None]
    now: Mapping[str, str | None]
    server: str | None
    applied: Applied
    notices: tuple[str, ...] = ()


def swap(role: Role, model: str, *, force: bool = False) -> Swapped:
    """Use ``model`` for ``role`` from the next request on.

    Args:
        role: what for.
        model: a name of an installed model, or a path to a .gguf file.
        force: take a model that cannot do what the role needs.

    Raises:
        NotInstalled: the model is not there; ``model`` says which, so that it can be got.
        Unfit: it cannot do what the role needs.
        AssistantError: no server answers, or the file cannot be changed.
    """
    from local_assistant.config import load_config
    from local_assistant.server import choose
    from local_assistant.server.own_names import refuse_own

    refuse_own(model)
    choice = choose(role, load_config().config, model=model)
    notices = fitness(choice, force=force)
    return _edit({role: model}, notices, choice.endpoint.url)


def unset(line: str) -> Swapped:
    """Take a line out of ``[models]``: of a role (its preset decides then), or ``preset``.

    Raises:
        AssistantError: the file cannot be changed.
    """
    return _edit({line: None})


def use_preset(name: str) -> Swapped:
    """Let the preset ``name`` decide for all roles: lines that name models go.

    Raises:
        AssistantError: there is no such preset, or the file cannot be changed.
    """
    from local_assistant.config import ROLES

    return _edit({"preset": name, **dict.fromkeys(ROLES)}, start=True)


def _edit(
    lines: Mapping[str, str | None],
    notices: tuple[str, ...] = (),
    server: str | None = None,
    *,
    start: bool = False,
) -> Swapped:
    from local_assistant import paths
    from local_assistant.config import load_config, set_values

    old = load_config().config
    found = answers(old, start=start)
    set_values({f"models.{key}": value for key, value in lines.items()})
    new = load_config().config
    done = apply(new, found, start=start)
    chat = done.after.choices.get("chat")
    return Swapped(
        paths.user_config_file(),
        {key: getattr(old.models, key) for key in lines},
        {key: getattr(new.models, key) for key in lines},
        server or (chat.endpoint.url if chat else None),
        done,
        (*notices, *done.notices),
    )


def apply(config: AssistantConfig, before: Answers, *, start: bool = False) -> Applied:
    """Let all follow from a change of the settings; a failure is a notice, not an end.

    Args:
        config: the settings as they are now.
        before: what answered by the old ones.
        start: whether to start a server where none runs.
    """
    from local_assistant.models import aliases
    from local_assistant.models.memory import unload

    after = answers(config, start=start)
    notices = [str(error) for error in after.failures.values() if not _idle(error)]
    changed: tuple[str, ...] = ()
    try:
        changed = aliases.point(after)
    except AssistantError as error:
        if not _idle(error):
            notices.append(str(error))
    return Applied(after, changed, unload(before, after), tuple(dict.fromkeys(notices)))


def _idle(error: AssistantError) -> bool:
    """Whether only nothing runs: a question starts it, and JupyterLab sets the names then."""
    return isinstance(error, NotRunning)


def able(choice: Choice, abilities: Collection[str]) -> bool:
    """Return whether a model that has these abilities can do what its role needs at all.

    Our engine makes vectors of any model; Ollama of those only of which it says so (0.33.0).
    """
    if choice.role == "embedding":
        return choice.endpoint.kind == "embedded" or "embedding" in abilities
    return "completion" in abilities


def fitness(choice: Choice, *, force: bool = False) -> tuple[str, ...]:
    """Return what should be known of a model in its role.

    Raises:
        Unfit: it cannot do what the role needs.
    """
    from local_assistant.lab.completion.families import family_for
    from local_assistant.server import Client
    from local_assistant.server.installed import short

    if choice.remote_host:
        return (choice.notice,) if choice.notice else ()  # asking would go to the cloud
    shown = Client(choice.endpoint).post("/api/show", {"model": choice.model})
    abilities = shown.get("capabilities") or ()
    if abilities and not able(choice, abilities):
        lacks = "makes no vectors" if choice.role == "embedding" else "writes no text"
        said = f"{short(choice.model)} {lacks} (it is made for: {', '.join(abilities)})."
        if not force:
            raise Unfit(said, "See the models with: jupyter assistant models")
        return (said,)
    if choice.role == "completion" and "insert" not in abilities:
        family = family_for(choice.model, shown)
        if family is None:
            return (
                f"{short(choice.model)} cannot fill in the middle: it sees only what stands "
                "before the cursor.",
            )
    return ()
