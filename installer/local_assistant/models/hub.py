"""Models of Hugging Face for a server: what a repository offers, which one to take, the files.

Contract: the repository is asked by the rules of the engine's pulls (proxies, certificates,
HF_ENDPOINT, the user's token), so that both servers see the same. :func:`fetch_files` gets
files for an Ollama, which can use neither the token nor a model in parts: by the engine's own
download, because what ``huggingface_hub`` 2.4 has of a file is gone when its process ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.engine.pull.download import Download
    from local_assistant.engine.pull.hub import Hub
    from local_assistant.engine.pull.quants import HubFile, Quant
    from local_assistant.models.known import ModelSpec
    from local_assistant.models.progress import Progress
    from local_assistant.models.sizing import Rating
    from local_assistant.models.upload import Part
    from local_assistant.server import Endpoint

HOSTS = ("hf.co", "huggingface.co")
_LOOK_S = 0.1
_SPARE_BYTES = 300_000_000


@dataclass(frozen=True)
class Offer:
    """One quantization of a repository.

    Attributes:
        quant: its files and tag.
        fit: how well the server's memory holds it.
    """

    quant: Quant
    fit: Rating

    @property
    def fits(self) -> bool | None:
        """Whether memory holds it at all; None where that is not known."""
        return None if self.fit == "unknown" else self.fit != "no"


@dataclass(frozen=True)
class Repository:
    """A repository, and what to take of it.

    Attributes:
        name: ``USER/REPO``.
        offers: the whole quantizations, the best to take first.
        chosen: the one that the name means, or that is best here.
        closed: whether only the user's token opens it.
        hub: for its files.
    """

    name: str
    offers: tuple[Offer, ...]
    chosen: Offer
    closed: bool
    hub: Hub


class Unreachable(AssistantError):
    """Hugging Face cannot be reached from here."""


def is_hub(name: str) -> bool:
    """Return whether a name is one of Hugging Face's."""
    return name.partition("://")[2].partition("/")[0] in HOSTS or name.split("/")[0] in HOSTS


def environment() -> dict[str, str]:
    """Return what the user's shell says about the network, the token among it."""
    from local_assistant.engine.pull.network import Network, relevant

    found = relevant(os.environ)
    token = Network(found).hub_token()
    return {**found, "HF_TOKEN": token} if token else found


def look(name: str, endpoint: Endpoint, progress: Progress) -> Repository:
    """Ask a repository what it offers.

    Raises:
        PullCancelled: nobody wants it any more.
        AssistantError: it cannot be had, or has not what the name means.
    """
    from local_assistant.engine.pull.errors import PullError
    from local_assistant.engine.pull.hub import Hub, pick
    from local_assistant.engine.pull.network import Network
    from local_assistant.engine.pull.quants import ranked
    from local_assistant.engine.pull.web import Patience, Scope
    from local_assistant.engine.store import names

    progress.say("asking Hugging Face")
    hub = Hub(names.parse(name), Scope(Network(environment()), Patience(tries=4)))
    try:
        listing = hub.listing()
        wanted = pick(listing.quants, hub.tag, hub.repository)
    except PullError as error:
        if error.unreachable:
            raise Unreachable(error.message, error.fix) from error
        raise
    offers = tuple(Offer(each, fit(each.size, endpoint)) for each in ranked(listing.quants))
    chosen = Offer(wanted, fit(wanted.size, endpoint))
    if hub.tag is None:
        chosen = best(offers)
    return Repository(hub.repository, offers, chosen, listing.closed, hub)


def best(offers: tuple[Offer, ...]) -> Offer:
    """Return the first that fits well, or at all; the smallest, where none does."""
    for ratings in (("graphics", "yes", "slow", "unknown"), ("tight",)):
        for offer in offers:
            if offer.fit in ratings:
                return offer
    return min(offers, key=lambda offer: offer.quant.size)


def fit(size: int, endpoint: Endpoint, known: ModelSpec | None = None) -> Rating:
    """Return how well a model fits the memory that the server can use.

    Args:
        size: bytes of the model.
        known: what else is known of it.
    """
    from dataclasses import replace

    from local_assistant.machine import read_machine
    from local_assistant.models import sizing
    from local_assistant.models.known import ModelSpec

    if not endpoint.local:
        return "unknown"
    spec = replace(known or ModelSpec(""), size=size)
    return sizing.rate(sizing.model_bytes(spec), read_machine(), endpoint.kind, spec.active)


def create_fields(hub: Hub) -> dict[str, Any]:
    """Return what the repository says beside the model, as fields of ``/api/create``."""
    import json

    from local_assistant.engine.store import layers

    found = {kind: data.decode("utf-8", "replace") for kind, data in hub.overrides().items()}
    fields: dict[str, Any] = {}
    if layers.TEMPLATE in found:
        fields["template"] = found[layers.TEMPLATE]
    if layers.SYSTEM in found:
        fields["system"] = found[layers.SYSTEM]
    with contextlib.suppress(ValueError):
        fields["parameters"] = json.loads(found.get(layers.PARAMS, ""))
    return fields


def fetch_files(repository: Repository, endpoint: Endpoint, progress: Progress) -> Iterator[Part]:
    """Get the files that the server has not; each is there when it is yielded, and goes after.

    Raises:
        PullCancelled: nobody wants it any more.
        AssistantError: a file cannot be had; what came of it is kept.
    """
    from local_assistant import paths
    from local_assistant.models.upload import Part, has_blob

    quant = repository.chosen.quant
    if not all(file.sha256 for file in quant.files):
        raise AssistantError(
            f"{repository.name} does not tell the digest of {quant.files[0].name}.",
            "Download the file yourself, then: jupyter assistant pull PATH",
        )
    missing = [each for each in quant.files if not has_blob(endpoint, each.sha256)]
    folder = paths.make_private_dir(paths.downloads_dir())
    _require_room(progress.name, folder, missing)
    for file in quant.files:
        name = Path(file.name).name
        if file not in missing:
            yield Part(name, None, file.sha256)
            continue
        blob = folder / f"sha256-{file.sha256}"
        with _alone(folder, progress):
            if has_blob(endpoint, file.sha256):  # another pull was faster
                yield Part(name, None, file.sha256)
                continue
            if not blob.is_file():
                _download(repository.hub, file, blob, progress)
            yield Part(name, blob, file.sha256)
            blob.unlink()


def _download(hub: Hub, file: HubFile, blob: Path, progress: Progress) -> None:
    from local_assistant.engine.pull import download as downloading
    from local_assistant.engine.pull.download import Download
    from local_assistant.engine.pull.network import Network
    from local_assistant.engine.pull.web import Patience, Scope

    scope = Scope(Network(environment()), Patience())
    download = Download(hub.source(file), blob, file.sha256, file.size, scope)
    downloading.start(download)
    _follow(download, file, progress)
    if isinstance(download.error, AssistantError):
        raise download.error
    if download.error is not None:
        raise AssistantError(
            f"The download of {file.name} failed: {download.error}.",
            f"Go on with: jupyter assistant pull {progress.name}",
        ) from download.error


def _follow(download: Download, file: HubFile, progress: Progress) -> None:
    status = f"pulling {file.sha256[:12]}"
    try:
        while not download.done.wait(_LOOK_S):
            progress.bytes(status, download.completed, file.size, file.sha256[:12])
    except BaseException:
        download.cancel()
        download.done.wait(5)
        raise
    progress.bytes(status, download.completed, file.size, file.sha256[:12])


def _require_room(name: str, folder: Path, files: list[HubFile]) -> None:
    import shutil

    from local_assistant import paths
    from local_assistant.engine.pull.parts import there_already
    from local_assistant.setup.files import shown_bytes

    need = sum(file.size for file in files)
    need -= sum(there_already(folder / f"sha256-{file.sha256}", file.size) for file in files)
    free = shutil.disk_usage(folder).free
    if files and need + _SPARE_BYTES > free:
        raise AssistantError(
            f"{name} needs {shown_bytes(need)} of disk space; {shown_bytes(free)} are free in "
            f"{paths.display(folder)}, "
            f"and {shown_bytes(_SPARE_BYTES)} are to stay free.",
            f"Free some, or set {paths.HOME_ENV} to a place with more.",
        )


@contextlib.contextmanager
def _alone(folder: Path, progress: Progress) -> Iterator[None]:
    """Wait until no other process downloads here: two would write into one file."""
    from local_assistant.engine.runfile import lock_on

    with lock_on(folder / "lock") as take:
        while not take():
            progress.say("waiting for another download to end")
            progress.cancel.wait(_LOOK_S)
        yield
