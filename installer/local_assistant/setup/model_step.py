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
    shown = ", ".join(f"{role}: {model}" for role, model in answering.items())
    if not missing:
        return StepResult("models", False, shown)
    what = described(missing)
    wanted = options.preset is not None or options.yes
    demo = _demo_answers(answering, config)
    # Where a smaller preset's models answer, nobody is asked at each run.
    if wanted or (demo and options.ask(f"Download {what}?")):
        _download(missing, config, options)
        return StepResult("models", True, f"downloaded {what}")
    if demo:
        detail = f"the demo model answers until you run: {PULL} (downloads {what})"
    else:
        detail = f"{shown}; better ones fit this machine: {PULL} (downloads {what})"
    return StepResult("models", False, detail)


def _demo_answers(answering: dict[str, str], config: AssistantConfig) -> bool:
    """Return whether the demo model stands in for a role."""
    from local_assistant.config import Role
    from local_assistant.server import DEMO_MODEL

    return any(
        answering[role] == DEMO_MODEL and config.models.for_role(role) is None
        for role in get_args(Role)
    )


def models_of(config: AssistantConfig) -> tuple[dict[str, str], list[ModelSpec]]:
    """Return what answers for each role, and what the preset wants and is not there.

    ``auto`` lets a smaller preset's model answer meanwhile; on a server elsewhere, whose memory
    is not known, any preset's.

    Raises:
        AssistantError: a model that the user named is not there.
    """
    from local_assistant.config import Role, is_gguf_path
    from local_assistant.models.presets import DEMO_PRESET, sizing_of
    from local_assistant.server import DEMO_MODEL, choose, find_server
    from local_assistant.server.installed import key_of

    server = find_server(config)
    preset = sizing_of(config, server.kind).preset
    answering: dict[str, str] = {}
    missing: dict[str, ModelSpec] = {}
    for role in get_args(Role):
        choice = choose(role, config)
        answering[role] = choice.model
        spec = preset.models[role]
        if preset.name == DEMO_PRESET or config.models.for_role(role) is not None:
            continue
        if is_gguf_path(spec.name):
            continue  # a file of the user's, which answers
        smaller = server.local and key_of(choice.model) != key_of(spec.name)
        if smaller or choice.model == DEMO_MODEL:
            missing[spec.name] = spec
    return answering, list(missing.values())


def described(specs: list[ModelSpec]) -> str:
    """Return what a download is and how large, as a question shows it."""
    from local_assistant.setup.files import shown_bytes

    size = shown_bytes(sum(spec.size for spec in specs))
    return f"{size}: {', '.join(spec.name for spec in specs)}"


def _download(missing: list[ModelSpec], config: AssistantConfig, options: InstallOptions) -> None:
    from local_assistant.models.pull import pull

    # The size was shown, and a preset was named or is made for this machine.
    pull([spec.name for spec in missing], config, options.progress, force=True)
