"""GGUF files from Hugging Face, for the embedded engine.

Contract: :func:`fetch` puts one file of a repository into our own store under the wanted
name. It uses ``huggingface_hub`` (imported here on first use), so the user's token,
``HF_ENDPOINT`` and the other settings of that library count. A download that was broken off
goes on where it stopped.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError
from local_assistant.models.presets import MODELS
from local_assistant.models.pull import OnProgress, PullProgress

if TYPE_CHECKING:
    from local_assistant.config import AssistantConfig

_SOURCE = re.compile(r"(?:hf\.co|huggingface\.co)/([^/:]+/[^/:]+)(?::(.+))?")
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_PREFERRED = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q5_0", "Q8_0", "Q6_K", "F16", "BF16", "F32")
"""Without a tag: the first of these that there is, as Hugging Face does it for Ollama."""

_LARGEST = 50_000_000_000
"""Hugging Face gives no larger file by plain HTTP."""

_SPARE_BYTES = 300_000_000
_POLL_S = 0.25


@dataclass(frozen=True)
class HubFile:
    """One file of a repository, as Hugging Face lists it."""

    name: str
    size: int = 0
    sha256: str = ""


def fetch(name: str, config: AssistantConfig, on_progress: OnProgress) -> None:
    """Put the model ``name`` into our store.

    Args:
        name: a name that a preset knows, or ``hf.co/USER/REPO[:QUANT]``.
        config: the configuration in force.
        on_progress: called often, from another thread while downloading.

    Raises:
        AssistantError: it cannot be had, and why.
    """
    from local_assistant.engine.store import Store
    from local_assistant.server.installed import store_folder

    repository, tag = source_of(name)
    store = Store(store_folder(config))
    if store.find(_stored_name(name)) is not None:
        return
    on_progress(PullProgress(name, "asking Hugging Face"))
    with _failures(repository):
        file = pick(_files(repository), tag, repository)
    folder = store.root / "downloads" / repository.replace("/", "--")
    _require_room(name, file, folder)
    with _failures(repository), _watched(name, file, folder, on_progress):
        path = _download(repository, file, folder)
    on_progress(PullProgress(name, "checking", file.size or None, file.size or None))
    _keep(store, name, path, file)
    shutil.rmtree(folder, ignore_errors=True)


def source_of(name: str) -> tuple[str, str | None]:
    """Return repository and tag for a model's name.

    Raises:
        AssistantError: only Ollama's own library may have it.
    """
    spec = next((each for each in MODELS.values() if _same(each.name, name)), None)
    match = _SOURCE.fullmatch(spec.source if spec else name)
    if match is None:
        known = ", ".join(each.name for each in MODELS.values() if each.source)
        raise AssistantError(
            f'The embedded engine cannot get "{name}" by this name; Ollama could.',
            f"Name one of {known}, or hf.co/USER/REPO:QUANT, or install Ollama.",
        )
    return match[1], match[2]


def _same(one: str, other: str) -> bool:
    return one.removesuffix(":latest").casefold() == other.removesuffix(":latest").casefold()


def _stored_name(name: str) -> str:
    return re.sub(r"^huggingface\.co/", "hf.co/", name)


def pick(files: list[HubFile], tag: str | None, repository: str) -> HubFile:
    """Return the GGUF file that ``tag`` means: a quantisation, or a file's name.

    Raises:
        AssistantError: there is none, with those that there are.
    """
    ggufs = [
        file
        for file in files
        if file.name.lower().endswith(".gguf") and "mmproj" not in file.name.lower()
    ]
    whole = [file for file in ggufs if not _SPLIT.search(file.name)]
    if not ggufs:
        raise AssistantError(
            f"{repository} has no GGUF file.", "Look for a repository whose name ends in -GGUF."
        )
    for wanted in (tag,) if tag else (*_PREFERRED, None):
        for file in whole:
            if wanted is None or _means(wanted, file.name):
                return file
    names = ", ".join(sorted(Path(file.name).name for file in whole)[:12])
    if not whole or any(tag and _means(tag, _SPLIT.sub(".gguf", file.name)) for file in ggufs):
        raise AssistantError(
            f"{repository} has {tag or 'this model'} only in several parts, which the embedded "
            "engine does not put together.",
            f"Take another: {names}" if names else "Look for a repository with whole files.",
        )
    raise AssistantError(
        f'{repository} has no GGUF file called "{tag}".',
        f"There are: {names}. Write the quantisation behind a colon, as in "
        f"hf.co/{repository}:Q4_K_M",
    )


def _means(tag: str, file: str) -> bool:
    name, wanted = Path(file).name.lower(), tag.lower()
    stem = name.removesuffix(".gguf")
    return name == wanted or stem == wanted or bool(re.search(rf"[-._]{re.escape(wanted)}$", stem))


def _endpoint() -> str | None:
    # The library reads the variable when it is imported, which may be long before.
    return os.environ.get("HF_ENDPOINT") or None


def _files(repository: str) -> list[HubFile]:
    from huggingface_hub import HfApi

    info = HfApi(endpoint=_endpoint()).model_info(repository, files_metadata=True, timeout=30)
    return [_file(sibling) for sibling in info.siblings or []]


def _file(sibling: Any) -> HubFile:
    lfs: Any = sibling.lfs or {}
    sha256 = lfs.get("sha256") if isinstance(lfs, dict) else getattr(lfs, "sha256", None)
    return HubFile(sibling.rfilename, sibling.size or 0, sha256 or "")


def _download(repository: str, file: HubFile, folder: Path) -> Path:
    """Fetch a file, from where an earlier try stopped; return its place.

    ``hf_hub_download`` begins anew in every process since its version 1, which with a file
    of gigabytes on a slow line may never end; the function below it does not.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()  # its warnings about a retry would stand between our lines
    # Named by its content: a file that has changed meanwhile is another one.
    partial = folder / f"{file.sha256 or file.size or 'file'}.part"
    partial.touch()
    with partial.open("r+b") as stream:
        stream.seek(0, os.SEEK_END)
        http_get(
            hf_hub_url(repository, file.name, endpoint=_endpoint()),
            stream,
            resume_size=stream.tell(),
            headers=build_hf_headers(),
            expected_size=file.size or None,
        )
    return partial


def _require_room(name: str, file: HubFile, folder: Path) -> None:
    from local_assistant import paths

    if file.size > _LARGEST:
        raise AssistantError(
            f"{file.name} has {file.size / 1e9:.0f} GB, more than can be fetched in one file.",
            "Take a smaller quantisation, or give the path of a .gguf that you have.",
        )
    paths.make_private_dir(folder)
    have = _size_of(folder)
    need = file.size - have + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if file.size and need > free:
        raise AssistantError(
            f"{name} needs {need / 1e9:.1f} GB of disk space; {free / 1e9:.1f} GB are free in "
            f"{paths.display(folder.parent.parent)}.",
            "Free some, or name another folder: models_dir in [engine] of assistant.toml.",
        )


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue  # renamed while we looked
    return total


@contextmanager
def _watched(name: str, file: HubFile, folder: Path, on_progress: OnProgress) -> Iterator[None]:
    """Tell how much is on the disk, whichever way the library downloads."""
    finished = threading.Event()

    def watch() -> None:
        while True:
            have = min(_size_of(folder), file.size) if file.size else _size_of(folder)
            on_progress(PullProgress(name, "downloading", have, file.size or None))
            if finished.wait(_POLL_S):
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join(5)


def _keep(store: Any, name: str, path: Path, file: HubFile) -> None:
    from local_assistant.server.gguf import check

    try:
        check(path)
        shown = store.add_gguf(_stored_name(name), path)
    except AssistantError:
        path.unlink(missing_ok=True)  # else the next try would take the same bytes
        raise
    stored = store.find(shown)
    if file.sha256 and (stored is None or not stored.gguf.name.endswith(file.sha256)):
        store.remove(shown)
        path.unlink(missing_ok=True)
        raise AssistantError(
            f"{name} came damaged: its checksum is not the one that Hugging Face names.",
            f"Try again: jupyter assistant pull {name}",
        )


@contextmanager
def _failures(repository: str) -> Iterator[None]:
    """Say in words what the library raises."""
    from local_assistant import paths

    try:
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            RepositoryNotFoundError,
        )
    except ImportError as error:
        raise AssistantError(
            f"Getting models needs huggingface-hub, which cannot be imported here ({error}).",
            'Run: pip install "jupyter-local-assistant[engine]"',
        ) from error
    try:
        yield
    except AssistantError:
        raise
    except GatedRepoError as error:
        raise AssistantError(
            f"{repository} wants you to agree to its terms first.",
            f"Do so at https://huggingface.co/{repository}, then run: hf auth login",
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise AssistantError(
            f"Hugging Face has no repository {repository}, or it is private.",
            "Check its name; for a private one run: hf auth login",
        ) from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "an error")
        raise AssistantError(
            f"Hugging Face refused {repository} (HTTP status {status}).",
            "Try again later. A .gguf that you have works, too: jupyter assistant use PATH",
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (28, 122):
            raise AssistantError(
                "The disk is full.", "Free some space; the download then goes on where it was."
            ) from error
        if isinstance(error, OSError) and error.filename:
            raise paths.unwritable(Path(str(error.filename)), error) from error
        if not _is_network(error):
            raise
        raise AssistantError(
            f"{_endpoint() or 'Hugging Face'} cannot be reached ({_innermost(error)}).",
            "Check the network; what is there already is kept. "
            "A .gguf that you have works, too: jupyter assistant use PATH",
        ) from error


def _is_network(error: BaseException) -> bool:
    """The library has changed its HTTP client twice; they raise from these packages."""
    clients = ("httpx", "httpcore", "requests", "urllib3")
    return isinstance(error, OSError) or type(error).__module__.startswith(clients)


def _innermost(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error) or type(error).__name__)[:200]
