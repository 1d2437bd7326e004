"""The fixed model names: set by ``install``, taken back by ``uninstall``.

Contract: a name that is as it should be is left alone, and one that is not ours is never
touched. An Ollama that does not answer keeps its names, and it is said with what to run there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.setup import changes

if TYPE_CHECKING:
    from local_assistant.setup.steps import InstallOptions, StepResult
    from local_assistant.setup.uninstall import Item


def ensure_names(_options: InstallOptions) -> StepResult:
    """The fixed names mean the models that answer."""
    from local_assistant.config import load_config
    from local_assistant.models import aliases
    from local_assistant.models.answering import answers
    from local_assistant.setup.steps import StepResult

    config = load_config().config
    found = answers(config, start=True)
    changed = aliases.point(found)
    detail = f"{', '.join(changed or aliases.ALIASES.values())}: what answers now"
    problems = aliases.problems(config, None if changed else found)
    if problems:
        detail += f" (but {' '.join(problem.message for problem in problems)})"
    return StepResult("names", bool(changed), detail)


def remove_names(*, dry_run: bool) -> Iterator[Item]:
    """Delete our names from the model servers."""
    from local_assistant.models import aliases
    from local_assistant.setup.uninstall import Item

    for name, server in aliases.remove(dry_run=dry_run):
        yield Item(changes.NAMES, f"{name} in {server}", "removed", "")
    if not dry_run:
        for name, server in aliases.left():
            detail = f"it does not answer; start it and run this again, or there: ollama rm {name}"
            yield Item(changes.NAMES, f"{name} in {server}", "kept", detail)


def names_bytes(store: Path) -> int:
    """Return the bytes in the engine's store that only our names use (a copy of the demo model)."""
    from local_assistant.models import made, unmaking
    from local_assistant.server.installed import short

    if not store.is_dir():
        return 0
    ours = made.read().on(made.store_key(store))
    sizes: dict[bool, dict[Path, int]] = {True: {}, False: {}}
    for name, digest, files in unmaking.stored_files(store):
        entry = ours.get(short(name))
        sizes[entry is not None and digest in entry.digests].update(files)
    return sum(size for file, size in sizes[True].items() if file not in sizes[False])
