"""Checks of the models: there, able, with a template, under the fixed names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.server.endpoint import NotRunning
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

if TYPE_CHECKING:
    from local_assistant.config import Role
    from local_assistant.server import Choice

NOT_ASKED = "asked for when the server runs"
WAITS = "looked at when assistant.toml is right"
_BARE = ("", "{{ .Prompt }}", "{{.Prompt}}")


@check("models")
def check_models(readings: Readings) -> str:
    """Each role has a model that is there."""
    readings.require_server()
    said: list[str] = []
    problems: list[AssistantError] = []
    for role in readings.roles():
        try:
            choice = readings.choice(role)
        except NotRunning:
            said.append(f"{role}: {readings.config.models.for_role(role) or NOT_ASKED}")
        except AssistantError as error:
            problems.append(error)
        else:
            said.append(f"{role}: {choice.model}" + (f" ({choice.notice})" if _own(choice) else ""))
    refuse(problems)
    return ", ".join(said)


def _own(choice: Choice) -> bool:
    """Whether the notice is said here: of a stand-in, once is enough."""
    return choice.notice is not None and choice.role == "chat"


@check("abilities")
def check_abilities(readings: Readings) -> str:
    """The completion model can fill in the middle, the embedding model makes vectors."""
    problems: list[AssistantError] = []
    said: list[str] = []
    for role, choice in readings.choices().items():
        shown = readings.shown(choice)
        if shown.get("remote_host"):
            continue
        problem = _lacks(role, choice, shown)
        if problem is not None:
            problems.append(problem)
        elif role == "completion":
            said.append(_fills(choice, shown))
    refuse(problems)
    return ", ".join(said) if said else NOT_ASKED


def _lacks(role: Role, choice: Choice, shown: dict[str, Any]) -> AssistantError | None:
    from local_assistant.lab.completion.families import family_for
    from local_assistant.models.swap import able

    abilities = shown.get("capabilities") or ()
    fix = f"jupyter assistant use MODEL --for {role} (see: jupyter assistant models)"
    if role == "completion":
        if "insert" in abilities or family_for(choice.model, shown) is not None:
            return None
        return Failing(f"{choice.model} completes code, but cannot fill in the middle.", fix)
    if able(choice, abilities):
        return None
    what = "cannot chat" if role == "chat" else "makes no vectors"
    return Failing(f"{choice.model} {what}.", fix)


def _fills(choice: Choice, shown: dict[str, Any]) -> str:
    from local_assistant.lab.completion.families import family_for

    family = family_for(choice.model, shown)
    if family is None:
        return f"{choice.model} fills in the middle by its template"
    if not family.trained:
        return f"{choice.model} has the tokens to fill in the middle, but was not trained to"
    return f"{choice.model} fills in the middle ({family.name})"


@check("templates")
def check_templates(readings: Readings) -> str:
    """The chat model has a template that writes a conversation as it was trained on."""
    choice = readings.choices().get("chat")
    if choice is None:
        return NOT_ASKED
    shown = readings.shown(choice)
    if shown.get("remote_host"):
        return f"{choice.model} runs elsewhere"
    template = str(shown.get("template") or "")
    own_code = "\nRENDERER " in f"\n{shown.get('modelfile') or ''}"
    if template.strip() in _BARE and not own_code:
        raise Failing(
            f"{choice.model} has no chat template: it gets the bare text, and goes on writing it.",
            "jupyter assistant use MODEL --for chat (see: jupyter assistant models), or give it "
            "one: jupyter assistant create NAME -f FILE",
        )
    how = "by code of the server's own" if own_code else f"{len(template)} characters"
    return f"{choice.model}: {how}"


@check("aliases", mends="points the fixed names at the models that answer")
def check_aliases(readings: Readings) -> str:
    """The three fixed names mean the models that answer (stock parts of Jupyter AI use them)."""
    from local_assistant.models import aliases

    if readings.settings[1] is not None:
        return WAITS
    problems = aliases.problems(readings.config)

    def point() -> str:
        # The mending of another check may have stopped the engine just now.
        changed = aliases.ensure(readings.config, start=True)
        return f"{', '.join(changed) or 'the fixed names'}: what answers now"

    if problems:
        found = Failing.of(problems)
        raise Failing(found.message, found.fix, point)
    return ", ".join(aliases.ALIASES.values()) if readings.choices() else NOT_ASKED
