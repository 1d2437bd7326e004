"""Registries that mean harm: what they send is no model, and is said in words."""

from __future__ import annotations

import json
import threading
import time

import pytest

from local_assistant.engine.pull.errors import PullError
from local_assistant.engine.pull.pulling import Puller
from local_assistant.engine.store.store import Store
from tests.integration.engine.pulls import HASTY, MIB, SMALL, Pull, blob, pull, registry, store
from tests.integration.engine.registries import Registry, wait_for

__all__ = ["pull", "registry", "store"]


def test_bytes_that_are_sent_twice_are_digested_twice(
    store: Store, registry: Registry, pull: Pull
) -> None:
    """The first answer is right as far as it goes, the second one is not in that part."""
    good = b"GGUF" + bytes(3 * MIB)
    name = registry.add("m", good)
    pull.puller = Puller(store, HASTY)
    registry.trouble.stall_after = MIB
    failures: list[BaseException] = []

    def work() -> None:
        try:
            pull(name)
        except PullError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: registry.trouble.stalls == 0)
    digest = next(key for key, value in registry.blobs.items() if value == good)
    registry.blobs[digest] = b"EVIL" + good[4:]
    registry.trouble.ranges = False
    thread.join(30)
    assert not thread.is_alive()
    assert "digest mismatch" in str(failures[0])
    assert not blob(store, good).exists()


@pytest.mark.parametrize(
    ("realm", "words"),
    [
        ("http://[", "address is wrong"),
        ("//HOST/token", "address is ://"),
        ("https://HOST/token", "address is https://"),
        ("http://user@HOST/token", "does not match original host"),
        ("http://169.254.169.254/token", "does not match original host"),
    ],
)
def test_a_realm_that_is_none(registry: Registry, pull: Pull, realm: str, words: str) -> None:
    registry.token, registry.realm = "secret", realm.replace("HOST", registry.host)
    with pytest.raises(PullError, match=words):
        pull(registry.add("m", SMALL))


def test_a_long_challenge_is_read_at_once(registry: Registry, pull: Pull) -> None:
    challenge = {"WWW-Authenticate": "Bearer " + "a" * 60_000}
    registry.failures.append(("/manifests/", 401, challenge))
    before = time.process_time()
    with pytest.raises(PullError, match="does not match original host"):
        pull(registry.add("m", SMALL))
    assert time.process_time() - before < 5  # it was 15 s


@pytest.mark.parametrize("size", [2**63, 10**400, -1, 1.5, True, None, "7"])
def test_a_size_that_is_none(registry: Registry, pull: Pull, size: object) -> None:
    name = registry.add("m", SMALL)
    path, manifest = next(iter(registry.manifests.items()))
    said = json.loads(manifest)
    said["layers"][0]["size"] = size
    registry.manifests[path] = json.dumps(said).encode()
    with pytest.raises(PullError, match="is no manifest of a model"):
        pull(name)


@pytest.mark.parametrize("value", ["²", "1" * 5000, "-1", "soon"])
def test_a_header_that_is_no_number(registry: Registry, pull: Pull, value: str) -> None:
    registry.failures += [("/manifests/", 503, {"Retry-After": value})]
    assert pull(registry.add("m", SMALL))[-1] == "success"


def test_a_terminal_is_not_told_what_to_do(registry: Registry, pull: Pull) -> None:
    headers = {"Location": "gopher://x/\x1b]0;evil\x07"}
    registry.failures.append(("/manifests/", 302, headers))
    with pytest.raises(PullError, match="redirects to gopher") as caught:
        pull(registry.add("m", SMALL))
    assert str(caught.value).isprintable()
