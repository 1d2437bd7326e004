"""What a pull refuses or gives up, in Ollama's words, with nothing listed afterwards."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

from local_assistant.engine.pull.errors import PullError
from local_assistant.engine.store import names
from local_assistant.engine.store.store import Store
from tests.integration.engine.pulls import BIG, SMALL, Pull, pull, registry, store
from tests.integration.engine.registries import Registry

__all__ = ["pull", "registry", "store"]


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda r: r.manifests.clear(), "pull model manifest: file does not exist"),
        (lambda r: r.failures.append(("/manifests/", 403, {})), "pull model manifest: 403"),
        (lambda r: r.failures.append(("/manifests/", 400, {})), 'manifest: 400: {"errors":"no"}'),
        (lambda r: r.failures.extend([("/manifests/", 500, {})] * 9), "pull model manifest: 500"),
        (
            lambda r: r.failures.append(("/manifests/", 429, {"Retry-After": "3600"})),
            "pull model manifest: 429",
        ),
        (lambda r: r.failures.extend([("/blobs/", 404, {})] * 9), "file does not exist"),
        (lambda r: r.failures.extend([("/blobs/", 500, {})] * 9), "max retries exceeded: 500"),
        (lambda r: setattr(r.trouble, "extra_length", 7), "where the manifest says"),
        (lambda r: setattr(r.trouble, "redirect_to", f"http://{r.host}"), "maximum redirects"),
        (lambda r: setattr(r.trouble, "redirect_to", "file:///etc"), "redirects to file:"),
    ],
)
def test_what_leaves_nothing_listed(
    store: Store,
    registry: Registry,
    pull: Pull,
    prepare: Callable[[Registry], Any],
    words: str,
) -> None:
    name = registry.add("m", SMALL)
    prepare(registry)
    with pytest.raises(PullError) as caught:
        pull(name)
    assert words in caught.value.message
    assert store.find(name) is None


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_again(
    store: Store, registry: Registry, pull: Pull, status: int
) -> None:
    name = registry.add("m", SMALL)
    registry.failures = [("/manifests/", status, {"Retry-After": "1"}), ("/blobs/", status, {})]
    pull(name)
    assert store.manifest(names.parse(name)) is not None


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b"<html>", "no manifest"),
        (b'{"layers": []}', "no model"),
        (b'{"layers": [{"mediaType": "x", "digest": "sha256:../../x", "size": 1}]}', "no manifest"),
        (b'{"layers": [{"digest": "sha256:' + b"0" * 64 + b'", "size": -1}]}', "no manifest"),
        (b'{"manifests": []}', "no model"),
    ],
)
def test_what_is_no_manifest(
    store: Store, registry: Registry, pull: Pull, manifest: bytes, words: str
) -> None:
    name = registry.add("m", SMALL)
    registry.manifests["/v2/library/m/manifests/latest"] = manifest
    with pytest.raises(PullError, match=words):
        pull(name)


def test_no_room_is_said_before_the_first_byte(
    store: Store, registry: Registry, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = registry.add("m", BIG)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 10, 1_000_000))
    with pytest.raises(PullError, match=r"1\.0 MB are free") as caught:
        pull(name)
    assert "models_dir" in (caught.value.fix or "")
    assert registry.ranges_of(BIG) == []


@pytest.mark.parametrize("host", ["127.0.0.1:99999", "127.0.0.1:1:2", "x:y"])
def test_a_host_that_is_none(pull: Pull, host: str) -> None:
    with pytest.raises(PullError, match="pull model manifest: "):
        pull(f"{host}/library/m")


def test_nobody_listens(pull: Pull, registry: Registry) -> None:
    name = registry.add("m", SMALL)
    registry.close()
    with pytest.raises(PullError, match="connection refused") as caught:
        pull(name)
    assert caught.value.unreachable
