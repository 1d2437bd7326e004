"""Which model answers in one chat: the menu below the input, ``/model``, and what is remembered.

Contract: a chat's own choice is kept in its file's metadata, so it holds after a reload and for
everybody in that chat; without one ``assistant.toml`` decides. Jupyter AI's menu gives no model
for "Default", which after a reload is also what it gives for a choice made before: so that
means "as before", and an entry of its own goes back to the file. The chat itself is touched on
the event loop only; what asks a server blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.memory import recalled, remember

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.server import InstalledModel

COMMAND = "/model"
AS_SET = "assistant.toml"
"""The menu's entry that goes back to the file; no model is called that."""

CHOOSER = 'click the ghost in the status bar, then "Models…".'
IN_JUPYTERLAB = f"In JupyterLab: {CHOOSER}"
_ABILITIES = {"insert": "fills in", "tools": "tools", "thinking": "thinks", "vision": "sees"}
_DEFAULT_FLAG = "--default"
_BACK = "default"


@dataclass(frozen=True)
class Offer:
    """One entry of the menu."""

    id: str
    name: str
    about: str


@dataclass(frozen=True)
class Menu:
    """What can be picked, and what answers by now."""

    offers: tuple[Offer, ...]
    current: str | None


class ChatModel:
    """The choice of one chat."""

    def __init__(self, chat: Any) -> None:
        self._chat = chat

    @property
    def own(self) -> str | None:
        """The model chosen for this chat, None where the file decides."""
        name = recalled(self._chat, "model")
        return name if isinstance(name, str) and name else None

    def remember(self, name: str | None) -> None:
        """Let ``name`` answer in this chat from now on."""
        if name != self.own:
            remember(self._chat, "model", name)

    def wanted(self, message: Any) -> str | None:
        """Return the model that a message asks for; None where the file decides."""
        picked = picked_model(message)
        if picked == AS_SET:
            return None
        return picked or self.own


def picked_model(message: Any) -> str | None:
    """Return what the writer of ``message`` has picked in the menu, if anything."""
    spec = (message.metadata or {}).get("model")
    name = spec.get("id") if isinstance(spec, dict) else getattr(spec, "id", None)
    return str(name) if name else None


def menu(config: AssistantConfig, own: str | None) -> Menu:
    """Return what can be picked in a chat.

    Raises:
        AssistantError: no server can be reached or started.
    """
    from local_assistant.server import choose

    models = installed_models(config)

    def answering(name: str | None) -> str | None:
        try:
            return short(choose("chat", config, model=name, start=False).model)
        except AssistantError:
            return name  # said when a message needs it

    by_file = answering(None)
    offers = [Offer(AS_SET, "As in assistant.toml", by_file or "")]
    offers += [Offer(short(each.name), short(each.name), about(each)) for each in models]
    return Menu(tuple(offers), answering(own) if own else by_file)


def installed_models(config: AssistantConfig) -> list[InstalledModel]:
    """Return the models that can chat: the server's, then those of our own store.

    Raises:
        AssistantError: no server can be reached or started.
    """
    from local_assistant.server import find_server, in_our_store, installed

    models = [*installed(find_server(config)), *in_our_store(config)]
    usable = {
        short(model.name): model
        for model in reversed(models)
        if not model.ours and (not model.capabilities or "completion" in model.capabilities)
    }
    return list(reversed(usable.values()))


def about(model: InstalledModel) -> str:
    """Return a model's size and what it can do besides writing, in a few words."""
    from local_assistant.setup.files import shown_bytes

    host = model.remote_host.partition("://")[2] or model.remote_host
    size = f"runs at {host}" if host else shown_bytes(model.size) if model.size else ""
    abilities = [_ABILITIES[each] for each in model.capabilities if each in _ABILITIES]
    return ", ".join(filter(None, [size, *abilities]))


@dataclass(frozen=True)
class Asked:
    """What ``/model …`` comes to.

    Attributes:
        text: the answer, as a note.
        own: the chat's own choice from now on.
    """

    text: str
    own: str | None


def run_command(
    words: Sequence[str], own: str | None, picked: str | None, config: AssistantConfig
) -> Asked:
    """Do what ``/model`` and the words behind it ask for.

    Args:
        words: what follows the command.
        own: the chat's own choice so far.
        picked: what is picked in the writer's menu.
        config: the configuration in force for the chat.

    Raises:
        AssistantError: there is no such model, or the file cannot be changed.
    """
    names = [word for word in words if word != _DEFAULT_FLAG]
    if len(names) > 1 or any(name.startswith("-") for name in names):
        raise AssistantError(f"{COMMAND} takes one model.", f"Write: {COMMAND} NAME [--default]")
    name = names[0] if names else None
    if _DEFAULT_FLAG in words:
        return _make_default(name or own, own)
    if name is None:
        return Asked(_overview(own, config), own)
    if name == _BACK:
        return Asked(_said("assistant.toml decides in this chat.", None, picked), None)
    from local_assistant.server import choose

    chosen = short(choose("chat", config, model=name).model)
    return Asked(_said(f"{chosen} answers in this chat.", chosen, picked), chosen)


def _make_default(name: str | None, own: str | None) -> Asked:
    from local_assistant.lab.models.choosing import use

    if name is None or name == _BACK:
        raise AssistantError(
            "This chat has no model of its own that could become the default.",
            f"Name one: {COMMAND} NAME {_DEFAULT_FLAG}",
        )
    notices = use("chat", name)
    text = notes.note(f"{name} answers in every chat and in %%ai from now on.", *notices)
    return Asked(text, None)


def _overview(own: str | None, config: AssistantConfig) -> str:
    found = menu(config, own)
    why = "chosen for this chat" if own else "as in assistant.toml"
    models = [f"{each.name} ({each.about})" for each in found.offers if each.id != AS_SET]
    return notes.note(
        f"{found.current} answers in this chat, {why}.",
        f"Installed: {'; '.join(models)}.",
        f"{COMMAND} NAME chooses for this chat, {COMMAND} NAME {_DEFAULT_FLAG} for all, "
        f"{COMMAND} {_BACK} goes back to assistant.toml.",
        f"To get others, {CHOOSER}",
    )


def _said(text: str, chosen: str | None, picked: str | None) -> str:
    """Return the answer; a pick in the menu would win over it with the next message."""
    if picked and picked != (chosen or AS_SET):
        entry = "As in assistant.toml" if picked == AS_SET else picked
        return notes.note(text, f'Your menu below the input says "{entry}": set it to Default.')
    return notes.note(text)


def short(model: str) -> str:
    """Return a model's name as people write it."""
    return model.removesuffix(":latest")
