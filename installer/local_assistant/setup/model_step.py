"""The install step about models: what is missing, how large it is, and whether it is wanted.

Contract: nothing is downloaded without a yes: a preset named, ``--yes``, or an answer at a
terminal. Until then the demo model answers, and the step names the one command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from local_assistant.setup.steps import InstallOptions, StepResult

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.models.presets import ModelSpec

PULL = "jupyter assistant pull"


def ensure_models(options: InstallOptions) -> StepResult:
    """The models of the preset are there, or the demo model answers and this says so."""
    from local_assistant.config import load_config

    config = load_config().config
    answering, missing = models_of(config)
    if not missing:
        shown = ", ".join(f"{role}: {model}" for role, model in answering.items())
        return StepResult("models", False, shown)
    what = described(missing)
    wanted = options.preset is not None or options.yes
    if wanted or options.ask(f"Download {what}?"):
        _download(missing, config, options)
        return StepResult("models", True, f"downloaded {what}")
    detail = f"the demo model answers until you run: {PULL} (downloads {what})"
    return StepResult("models", False, detail)


def models_of(config: AssistantConfig) -> tuple[dict[str, str], list[ModelSpec]]:
    """Return what answers for each role, and what the preset wants and is not there.

    Raises:
        AssistantError: a model that the user named is not there.
    """
    from local_assistant.config import Role
    from local_assistant.models.machine import read_machine
    from local_assistant.models.presets import DEMO_PRESET, choose_preset
    from local_assistant.server import DEMO_MODEL, choose

    preset = choose_preset(config.models.preset, read_machine()).preset
    answering: dict[str, str] = {}
    missing: dict[str, ModelSpec] = {}
    for role in get_args(Role):
        choice = choose(role, config)
        answering[role] = choice.model
        stands_in = choice.model == DEMO_MODEL and config.models.for_role(role) is None
        if stands_in and preset.name != DEMO_PRESET:
            spec = preset.models[role]
            missing[spec.name] = spec
    return answering, list(missing.values())


def described(specs: list[ModelSpec]) -> str:
    """Return what a download is and how large, as a question shows it."""
    from local_assistant.setup.files import shown_bytes

    size = shown_bytes(sum(spec.size for spec in specs))
    return f"{size}: {', '.join(spec.name for spec in specs)}"


def _download(missing: list[ModelSpec], config: AssistantConfig, options: InstallOptions) -> None:
    from local_assistant.models.pull import pull

    pull([spec.name for spec in missing], config, options.progress)
