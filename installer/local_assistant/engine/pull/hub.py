"""Models from Hugging Face: ``hf.co/USER/REPO[:QUANT]``.

Contract: says which file of a repository a name means, and where it lies; the file itself is
fetched as a registry's blob is. The user's token is the one that ``huggingface_hub`` finds;
it goes to the hub's own host only. The few requests are made here and not by that library,
so that proxies, certificates and an end from outside count for them, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from local_assistant.engine.pull.errors import PullError, Status, WebError
from local_assistant.engine.pull.quants import HubFile, Quant, find, quants_of, ranked
from local_assistant.engine.pull.source import Access, Source, get, patiently
from local_assistant.engine.pull.web import Scope
from local_assistant.engine.store import layers as kinds
from local_assistant.engine.store.names import Name

HOSTS = ("hf.co", "huggingface.co")

_OVERRIDES = {"template": kinds.TEMPLATE, "system": kinds.SYSTEM, "params": kinds.PARAMS}
"""Files of a repository that are layers of their own, as Hugging Face has it for Ollama."""

_LISTING_BYTES = 32 << 20
_SMALL_BYTES = 64 << 20
_OVERRIDE_BYTES = 1 << 20
"""A template or system prompt that is longer is none."""

_LOGIN = "hf auth login"


@dataclass(frozen=True)
class Listing:
    """What a repository has.

    Attributes:
        quants: its models.
        closed: whether it is private, or its files want a yes to its terms.
    """

    quants: list[Quant]
    closed: bool = False


class Hub:
    """One repository."""

    def __init__(self, name: Name, scope: Scope) -> None:
        self.repository = f"{name.namespace}/{name.model}"
        self.tag = None if name.tag == "latest" else name.tag
        self._scope = scope
        self._base = scope.network.hub
        self._token = scope.network.hub_token()
        self._access = Access(f"Bearer {self._token}" if self._token else "")
        self.revision = "main"
        self._files: list[HubFile] = []

    def listing(self) -> Listing:
        """Return what there is.

        Raises:
            PullError: it cannot be had, or there is no model.
        """
        url = f"{self._base}/api/models/{quote(self.repository)}?blobs=true"
        try:
            said = json.loads(self._get(url, _LISTING_BYTES))
            self.revision = str(said.get("sha") or "main")
            self._files = [_file(item) for item in said.get("siblings") or []]
            closed = bool(said.get("private") or said.get("gated"))
        except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
            raise PullError(
                f"{self._base} does not answer as Hugging Face does.", "Check HF_ENDPOINT."
            ) from error
        quants = quants_of(self._files)
        if not quants:
            raise PullError(
                f"{self.repository} has no GGUF file.",
                "Look for a repository whose name ends in -GGUF.",
            )
        return Listing(quants, closed)

    def quant(self) -> Quant:
        """Return the model that the name means.

        Raises:
            PullError: there is none, or none for us.
        """
        return pick(self.listing().quants, self.tag, self.repository)

    def source(self, file: HubFile) -> Source:
        return Source(self._url(file), self._access, self._refused)

    def read(self, file: HubFile) -> bytes:
        """Return a small file.

        Raises:
            PullError: it cannot be had.
        """
        return self._get(self._url(file), _SMALL_BYTES)

    def overrides(self) -> dict[str, bytes]:
        """Return the layers that the repository gives beside the model, by their kind."""
        return {
            _OVERRIDES[file.name]: self.read(file)
            for file in self._files
            if file.name in _OVERRIDES and file.size <= _OVERRIDE_BYTES
        }

    def _url(self, file: HubFile) -> str:
        return f"{self._base}/{quote(self.repository)}/resolve/{self.revision}/{quote(file.name)}"

    def _get(self, url: str, limit: int) -> bytes:
        def ask() -> bytes:
            with self._scope.session() as session:
                response = get(session, url, {}, self._access)
                if response.status != 200:
                    raise response.error()
                return response.read(limit)

        try:
            return patiently(self._scope, ask)
        except Status as error:
            raise self._refused(error) from error
        except WebError as error:
            raise PullError(
                f"{self._base} cannot be reached ({error}).",
                "Check the network (HTTPS_PROXY, if there is a proxy); what is there is kept. "
                "A .gguf that you have works, too: jupyter assistant use PATH",
                unreachable=error.unreachable,
            ) from error

    def _refused(self, error: Status) -> PullError:
        code = error.headers.get("x-error-code", "")
        if code == "GatedRepo":
            return PullError(
                f"{self.repository} wants you to agree to its terms first.",
                f"Do so at {self._base}/{self.repository}, then run: {_LOGIN}",
            )
        if error.status == 401 and self._token and code != "RepoNotFound":
            return PullError(
                f"Hugging Face refused your token (while asking for {self.repository}).",
                f"Log in again: {_LOGIN}. Or correct HF_TOKEN.",
            )
        if error.status in (401, 404) or code == "RepoNotFound":
            why = "your token does not open it" if self._token else "it is private"
            return PullError(
                f"Hugging Face has no repository {self.repository}, or {why}.",
                f"Check its name; for a private one run: {_LOGIN}",
            )
        return PullError(
            f"Hugging Face refused {self.repository} (HTTP status {error.status}).",
            "Try again later; what is there is kept. "
            "A .gguf that you have works, too: jupyter assistant use PATH",
        )


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pick(quants: list[Quant], tag: str | None, repository: str) -> Quant:
    """Return the model that ``tag`` means; without one, the best to take.

    Raises:
        PullError: there is none, with those that there are.
    """
    whole = ranked(quants)
    found = find(quants, tag) if tag else next(iter(whole), None)
    names = ", ".join(each.tag for each in whole[:12])
    there = "Look for another repository."
    if whole:
        there = f"There are: {names}. Write one behind a colon: hf.co/{repository}:{whole[0].tag}"
    if found is None:
        wanted = f'no GGUF file called "{tag}"' if tag else "no whole GGUF file"
        raise PullError(f"{repository} has {wanted}.", there)
    if not found.whole:
        raise PullError(
            f"{repository} has only {len(found.files)} of the {found.parts} files of {found.tag}.",
            there,
        )
    return found


def _file(item: Any) -> HubFile:
    lfs = item.get("lfs") or {}
    sha256 = str(lfs.get("sha256") or "").lower()
    size = lfs.get("size") or item.get("size") or 0
    if not isinstance(size, int) or not 0 <= size < 2**63:
        raise ValueError("a file without a size")
    known = re.fullmatch(r"[0-9a-f]{64}", sha256)
    return HubFile(str(item["rfilename"]), size, sha256 if known else "")
