"""The step of ``install``, its undo, and what the doctor asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant import paths, temporary
from local_assistant.errors import AssistantError
from local_assistant.setup import ledger as ledgers
from local_assistant.setup import merging, tree
from local_assistant.setup.files import read_bytes
from local_assistant.setup.jupyter_ai import stacks

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig
    from local_assistant.setup.merging import Undone
    from local_assistant.setup.steps import InstallOptions, StepResult

NAME = "jupyter-ai"
FOLDER = "jupyter_ai"
_TABLES = ("fields", "completions_fields", "embeddings_fields")


def ensure(options: InstallOptions) -> StepResult:
    """Jupyter AI's own parts, where installed, use the models that answer here."""
    from local_assistant.config import load_config
    from local_assistant.setup.steps import StepResult

    config = load_config().config
    stack = stacks.find(config)
    if stack is None:
        return StepResult(NAME, False, "none of Jupyter AI's own parts is installed that needs it")
    if stack.problem is not None:
        return StepResult(NAME, False, str(stack.problem))
    path = config_file()
    try:
        left, changed = _merge(path, stack)
    except AssistantError as error:
        return StepResult(NAME, False, f"{stack.name}: {error}")
    detail = f"{stack.name} uses our model names, in {paths.display(path)}"
    if left:
        detail = f"{stack.name}: left as you set it: {', '.join(left)}"
    elif unfit := _unfit_model(stack, config):
        detail += f" (but {unfit})"
    return StepResult(NAME, changed, detail)


def remove(*, dry_run: bool) -> Iterator[tuple[Path, Undone | None]]:
    """Take back what ``ensure`` wrote; yield each file with what was done.

    ``None`` where it cannot be read any more: then it stays as it is. Also where the record of
    it is gone, as our names are nobody else's choice.
    """
    ledger = ledgers.of_user()
    noted = [(path, entry) for path, entry in ledger.files() if path in files(ledger)]
    for path, entry in noted or _unrecorded():
        try:
            done = merging.unmerge(path, entry, dry_run=dry_run, tidy=_tidy)
        except AssistantError:
            yield path, None
            continue
        if not dry_run:
            temporary.sweep(path.resolve())
            ledger.forget(path)
        if done is not None:
            yield path, done


def files(ledger: ledgers.Ledger) -> list[Path]:
    """Return the files of Jupyter AI in the user's ledger."""
    return [path for path, _ in ledger.files() if path.parent.name == FOLDER]


def _unrecorded() -> list[tuple[Path, ledgers.MergedFile]]:
    """Return the file of this user where it says our names and nothing is recorded of it."""
    try:
        path = config_file()
        content = _content(path)
    except (ImportError, AssistantError):  # a bare kernel's environment; or a file that is not ours
        return []
    keys = {
        key: content[key]
        for key, values in stacks.OURS.items()
        if content.get(key) is not None and content[key] in values
    }
    return [(path, ledgers.MergedFile(None, keys=keys))] if keys else []


def _tidy(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Take out the empty entries that Jupyter AI makes for a model, and keep the tables that
    were there: a Jupyter AI 2 that runs cannot read its file without them."""
    for name in _TABLES:
        if isinstance(before.get(name), dict):
            table = after.setdefault(name, {})
            for model in [each for each in table if each in stacks.MODELS and not table[each]]:
                del table[model]


def problems() -> list[AssistantError]:
    """Return why Jupyter AI's own parts do not use our models, for the doctor."""
    from local_assistant.config import load_config

    config = load_config().config
    stack = stacks.find(config)
    if stack is None:
        return []
    if stack.problem is not None:
        return [stack.problem]
    try:
        content = _content(config_file())
    except AssistantError as error:
        return [error]
    key = "model_provider_id"
    if own_model() is not None:
        return []
    found, wanted = content.get(key), stack.wanted[key]
    if found == wanted:
        unfit = _unfit_model(stack, config)
        return [unfit] if unfit else []
    what = f"is set for another version of Jupyter AI ({found})" if found else "has no model"
    return [
        AssistantError(
            f"{stack.name} {what}, in {paths.display(config_file())}.",
            "Run: jupyter assistant install",
        )
    ]


def own_model() -> str | None:
    """Return the chat model that the user chose for Jupyter AI's own parts; None where it is ours.

    Raises:
        AssistantError: the file cannot be read.
    """
    key = "model_provider_id"
    found = _content(config_file()).get(key)
    return None if found in stacks.OURS[key] else str(found)


def _unfit_model(stack: stacks.Stack, config: AssistantConfig) -> AssistantError | None:
    """Return why the chat's model cannot answer this stack, where that is so."""
    from local_assistant.server import Client, choose

    if not stack.needs_tools:
        return None
    try:
        choice = choose("chat", config, start=False)
        abilities = Client(choice.endpoint).post("/api/show", {"model": choice.model})
    except AssistantError:
        return None  # no answer at all: others say so
    if "tools" in (abilities.get("capabilities") or ["tools"]):
        return None
    return AssistantError(
        f"{stack.name} sends tools with every question, and {choice.model} cannot use tools: "
        "it answers %%ai and our own chat, but not Jupyternaut.",
        "Download one that can: jupyter assistant pull (or see: jupyter assistant models)",
    )


def config_file() -> Path:
    """Return where Jupyter AI, 2 and 3 alike, keeps its settings."""
    return paths.jupyter_data_dir() / FOLDER / "config.json"


def _merge(path: Path, stack: stacks.Stack) -> tuple[list[str], bool]:
    _content(path)
    file = merging.SharedFile(
        path, stack.wanted, shipped=stacks.UNSET, nobodys=stacks.OURS, mode=0o600
    )
    return merging.merge(file, ledgers.of_user())


def _content(path: Path) -> dict[str, object]:
    """Return what the file says.

    Raises:
        AssistantError: it is none of Jupyter AI's files, or cannot be read.
    """
    try:
        content = tree.parse(path, read_bytes(path))
    except OSError as error:
        raise AssistantError(
            f"{paths.display(path)} cannot be read: {error.strerror or error}.",
            "Give yourself the right to read and write it, or remove it.",
        ) from error
    odd = [name for name in _TABLES if not isinstance(content.get(name, {}), dict)]
    if odd:
        raise AssistantError(
            f"{paths.display(path)} has a {odd[0]} that is no table. It is left as it is.",
            "Repair or remove that file, then run: jupyter assistant install",
        )
    return content
