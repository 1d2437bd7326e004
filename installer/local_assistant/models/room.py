"""Whether there is room on the disk for a model of a registry, before Ollama begins with it.

Contract: the engine looks for itself. Ollama does not; where its store lies on this machine and
can be told for sure, this does it for Ollama. What cannot be found out is not refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.engine.pull.registry import Blob
    from local_assistant.models.progress import Progress
    from local_assistant.server import Endpoint

_SPARE_BYTES = 300_000_000
_WAIT_S = 5.0


def blobs_of(name: str, progress: Progress, *, insecure: bool) -> list[Blob] | None:
    """Return the files of a model of a registry; None where that does not tell at once."""
    import os

    from local_assistant.engine.pull import registry
    from local_assistant.engine.pull.errors import Cancelled
    from local_assistant.engine.pull.network import Network, relevant
    from local_assistant.engine.pull.web import Patience, Scope
    from local_assistant.engine.store import names

    try:
        ref = names.parse(name)
    except names.InvalidName:
        return None
    plain = insecure or ref.scheme == "http"
    scope = Scope(
        Network(relevant(os.environ)), Patience(tries=1, stall_s=_WAIT_S, connect_s=_WAIT_S)
    )
    progress.say("asking how large it is")
    try:
        return registry.blobs_of(registry.Registry(ref, scope, insecure=plain).manifest())
    except (AssistantError, Cancelled):
        return None  # the server asks as well, and says what is wrong


def require(name: str, blobs: list[Blob], endpoint: Endpoint) -> None:
    """Refuse what cannot fit the disk of a local Ollama.

    Raises:
        AssistantError: there is too little room.
    """
    from local_assistant import paths
    from local_assistant.setup.files import shown_bytes

    if endpoint.kind != "ollama" or not endpoint.local:
        return
    store = _store(endpoint)
    if store is None:
        return
    need = sum(_missing(store, blob) for blob in blobs)
    free = shutil.disk_usage(store).free
    if need and need + _SPARE_BYTES > free:
        raise AssistantError(
            f"{name} needs {shown_bytes(need)} of disk space; {shown_bytes(free)} are free in "
            f"{paths.display(store)}, "
            f"and {shown_bytes(_SPARE_BYTES)} are to stay free.",
            "Free some (jupyter assistant rm MODEL), or let Ollama keep its models elsewhere: "
            "OLLAMA_MODELS.",
        )


def _store(endpoint: Endpoint) -> Path | None:
    """Return the folder in which that Ollama keeps its models, if it can only be one."""
    from local_assistant import paths

    stores = paths.ollama_stores()
    disks = {store.stat().st_dev for store in stores}
    return stores[0] if len(disks) == 1 else None


def _missing(store: Path, blob: Blob) -> int:
    """Return how many bytes of a file are still to come."""
    if (store / "blobs" / f"sha256-{blob.digest}").is_file():
        return 0
    partial = store / "blobs" / f"sha256-{blob.digest}-partial"
    try:
        stat = partial.stat()
    except OSError:
        return blob.size
    # It has its full length from the beginning; what takes room is there.
    return max(0, blob.size - getattr(stat, "st_blocks", 0) * 512)
