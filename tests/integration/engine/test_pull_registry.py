"""Pulls from registries that do what registries do: redirect, cut, stall, lie, run full.

Each registry is a real HTTP server on loopback; the store is a real one on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from typing import Any

import pytest

from local_assistant.engine.pull import download
from local_assistant.engine.pull.errors import Cancelled, PullError
from local_assistant.engine.pull.pulling import Puller
from local_assistant.engine.store.store import Store
from tests.integration.engine.pulls import (
    BIG,
    HASTY,
    MIB,
    SMALL,
    Pull,
    blob,
    files,
    pull,
    registry,
    store,
)
from tests.integration.engine.registries import Registry, serving, wait_for

__all__ = ["pull", "registry", "store"]


def test_all_layers_come_and_are_listed(store: Store, registry: Registry, pull: Pull) -> None:
    name = registry.add("m", BIG, SMALL, system=b"Be brief.", unheard_of=b"?")
    statuses = pull(name)
    digests = [hashlib.sha256(part).hexdigest()[:12] for part in (BIG, SMALL, b"Be brief.", b"?")]
    assert statuses[:5] == ["pulling manifest", *(f"pulling {each}" for each in digests)]
    assert statuses[6:] == ["verifying sha256 digest", "writing manifest", "success"]
    assert blob(store, BIG).read_bytes() == BIG
    manifest = store.manifests.joinpath(registry.host, "library", "m", "latest")
    assert manifest.read_bytes() == registry.manifests["/v2/library/m/manifests/latest"]
    first = next(line for line in pull.lines if "digest" in line)
    assert first["total"] == len(BIG)
    assert all("-p" not in each for each in files(store))
    assert len(registry.ranges_of(BIG)) == 10
    assert len({each.range for each in registry.asked if each.range}) > 1
    assert all("ollama/" in (each.agent or "") for each in registry.asked)


def test_what_is_there_is_not_fetched_again(store: Store, registry: Registry, pull: Pull) -> None:
    pull(registry.add("one", SMALL))
    before = len(registry.asked)
    pull.lines.clear()
    pull(registry.add("two", SMALL))
    assert len(registry.asked) == before + 1
    line = next(line for line in pull.lines if "digest" in line)
    assert line["total"] == line["completed"] == len(SMALL)


def test_a_new_version_takes_the_place_of_the_old(
    store: Store, registry: Registry, pull: Pull
) -> None:
    pull(registry.add("m", b"GGUF old"))
    assert "removing unused layers" in pull(registry.add("m", b"GGUF new"))
    assert blob(store, b"GGUF new").is_file()
    assert not blob(store, b"GGUF old").exists()


def test_blobs_elsewhere_come_without_the_token(store: Store, registry: Registry) -> None:
    with serving() as elsewhere:
        registry.token = "secret"
        name = registry.add("m", BIG)
        elsewhere.blobs = registry.blobs
        # Another name for loopback: another host.
        registry.trouble.redirect_to = f"http://localhost:{elsewhere.port}"
        Pull(store)(name)
        assert blob(store, BIG).read_bytes() == BIG
        assert {each.authorization for each in elsewhere.asked} == {None}
        asked = [each for each in registry.asked if "/blobs/" in each.path]
        assert {each.authorization for each in asked} == {"Bearer secret"}
        # The address is asked for once for each blob, not for each part.
        assert len(registry.ranges_of(BIG)) == 1
        assert len(elsewhere.ranges_of(BIG)) == 10


def test_an_address_that_expires_is_asked_for_anew(
    store: Store, registry: Registry, pull: Pull
) -> None:
    with serving() as elsewhere:
        name = registry.add("m", BIG)
        elsewhere.blobs = registry.blobs
        registry.trouble.redirect_to = f"http://localhost:{elsewhere.port}"
        elsewhere.trouble.uses = 2
        pull(name)
        assert blob(store, BIG).read_bytes() == BIG
        assert len(registry.ranges_of(BIG)) > 1


def test_a_token_is_for_the_registrys_own_host(registry: Registry, pull: Pull) -> None:
    with serving() as thief:
        registry.token = "secret"
        registry.realm = f"http://{thief.host}/token"
        with pytest.raises(PullError, match="does not match original host"):
            pull(registry.add("m", SMALL))
        assert thief.asked == []


def test_no_token_is_to_be_had(store: Store, registry: Registry, pull: Pull) -> None:
    registry.token = "secret"
    registry.failures = [("/token", 401, {})]
    with pytest.raises(PullError, match="pull model manifest: 401") as caught:
        pull(registry.add("m", SMALL))
    assert caught.value.fix
    assert files(store) == []


def test_a_registry_without_ranges(store: Store, registry: Registry, pull: Pull) -> None:
    registry.trouble.ranges = False
    pull(registry.add("m", BIG))
    assert blob(store, BIG).read_bytes() == BIG
    assert len(registry.ranges_of(BIG)) == 1


def test_a_cut_without_ranges_begins_anew(store: Store, registry: Registry, pull: Pull) -> None:
    registry.trouble.ranges, registry.trouble.cut_after = False, 5 * MIB
    pull(registry.add("m", BIG))
    assert blob(store, BIG).read_bytes() == BIG
    assert len(registry.ranges_of(BIG)) == 2


def test_a_cut_connection_goes_on_where_it_was(
    store: Store, registry: Registry, pull: Pull
) -> None:
    registry.trouble.cut_after, registry.trouble.cuts = MIB // 2, 12
    pull(registry.add("m", BIG))
    assert blob(store, BIG).read_bytes() == BIG
    assert registry.sent < len(BIG) + len(SMALL) + 4 * MIB


def test_a_line_that_is_always_cut(store: Store, registry: Registry, pull: Pull) -> None:
    registry.trouble.cut_after, registry.trouble.cuts = 0, 1000
    with pytest.raises(PullError, match=r"max retries exceeded: .*cut") as caught:
        pull(registry.add("m", BIG))
    assert "goes on" in (caught.value.fix or "")
    assert store.list_models()[1:] == []


def test_silence_is_not_waited_for(store: Store, registry: Registry, pull: Pull) -> None:
    pull.puller = Puller(store, HASTY, part_bytes=MIB)
    registry.trouble.stall_after, registry.trouble.stalls = MIB // 2, 2
    pull(registry.add("m", BIG))
    assert blob(store, BIG).read_bytes() == BIG


def test_a_server_that_is_silent_for_ever(store: Store, registry: Registry, pull: Pull) -> None:
    pull.puller = Puller(store, HASTY, part_bytes=MIB)
    registry.trouble.stall_after, registry.trouble.stalls = 0, 1000
    with pytest.raises(PullError, match=r"no answer for|too slow"):
        pull(registry.add("m", SMALL))
    assert not blob(store, SMALL).exists()


def test_a_server_that_trickles(store: Store, registry: Registry, pull: Pull) -> None:
    pull.puller = Puller(store, HASTY, part_bytes=MIB)
    registry.trouble.trickle = True
    with pytest.raises(PullError, match=r"no answer for|too slow"):
        pull(registry.add("m", BIG))
    assert not blob(store, BIG).exists()


def test_a_full_disk(
    store: Store, registry: Registry, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = registry.add("m", BIG)
    really, room = download._write, [3 * MIB]

    def write(file: Any, view: memoryview) -> None:
        room[0] -= len(view)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        really(file, view)

    monkeypatch.setattr(download, "_write", write)
    with pytest.raises(PullError, match="The disk is full") as caught:
        pull(name)
    assert "goes on" in (caught.value.fix or "")
    assert store.find(name) is None
    room[0] = 100 * MIB
    before = registry.sent
    pull(name)
    assert blob(store, BIG).read_bytes() == BIG
    assert registry.sent - before < len(BIG)


def test_a_blob_that_lost_its_end(store: Store, registry: Registry, pull: Pull) -> None:
    name = registry.add("m", BIG)
    pull(name)
    blob(store, BIG).write_bytes(BIG[:100])
    pull(name)
    assert blob(store, BIG).read_bytes() == BIG


def test_a_lie_about_the_digest(store: Store, registry: Registry, pull: Pull) -> None:
    registry.trouble.lies = True
    name = registry.add("m", BIG)
    wrong = hashlib.sha256(bytes(len(BIG))).hexdigest()
    want = hashlib.sha256(BIG).hexdigest()
    with pytest.raises(PullError) as caught:
        pull(name)
    assert caught.value.message == (
        f"digest mismatch, file must be downloaded again: want sha256:{want}, got sha256:{wrong}"
    )
    assert files(store) == []
    assert store.find(name) is None


def test_what_an_earlier_try_left_damaged(store: Store, registry: Registry, pull: Pull) -> None:
    name = registry.add("m", BIG)
    registry.trouble.cut_after, registry.trouble.cuts = MIB // 2, 1000
    interrupt(pull, name, registry, 4 * MIB)
    partial = blob(store, BIG).with_name(f"{blob(store, BIG).name}-partial")
    partial.write_bytes(bytes(partial.stat().st_size))
    registry.trouble.cuts = 0
    pull(name)
    assert blob(store, BIG).read_bytes() == BIG


def interrupt(pull: Pull, name: str, registry: Registry, after: int) -> None:
    """Pull, and leave when about so many bytes were sent."""
    registry.trouble.hold_after = registry.sent + after
    wanted, scope = pull.scope(name)
    ended: list[BaseException] = []

    def work() -> None:
        try:
            pull.puller.pull(wanted, pull.lines.append, scope)
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: any(line.get("completed", 0) >= after // 2 for line in pull.lines))
    scope.cancel()
    thread.join(20)
    assert ended
    registry.trouble.hold_after = None
    registry.trouble.go.set()


def test_who_leaves_keeps_what_is_there(store: Store, registry: Registry, pull: Pull) -> None:
    name = registry.add("m", BIG)
    interrupt(pull, name, registry, 4 * MIB)
    assert store.find(name) is None
    wait_for(lambda: len(registry.asked) > 0)
    first = registry.sent
    pull(name)
    assert blob(store, BIG).read_bytes() == BIG
    # What was under way in the sockets of the open parts is lost, and no more.
    assert registry.sent - first < len(BIG) - MIB
    assert all("-p" not in each for each in files(store))


def test_two_pulls_share_one_download(store: Store, registry: Registry, pull: Pull) -> None:
    name, other = registry.add("m", BIG), registry.add("other", BIG)
    registry.trouble.hold_after = 2 * MIB
    lines: list[list[dict[str, Any]]] = [[], []]
    scopes = [pull.scope(each) for each in (name, other)]
    threads = [
        threading.Thread(target=pull.puller.pull, args=(wanted, told.append, scope))
        for (wanted, scope), told in zip(scopes, lines, strict=True)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(any("digest" in line for line in told) for told in lines))
    registry.trouble.go.set()
    for thread in threads:
        thread.join(20)
    assert [told[-1]["status"] for told in lines] == ["success", "success"]
    assert registry.sent < len(BIG) + MIB


def test_one_of_two_may_leave(store: Store, registry: Registry, pull: Pull) -> None:
    name = registry.add("m", BIG)
    registry.trouble.hold_after = 2 * MIB
    told: list[dict[str, Any]] = []
    wanted, stays = pull.scope(name)
    staying = threading.Thread(target=pull.puller.pull, args=(wanted, told.append, stays))
    staying.start()
    wait_for(lambda: any("digest" in line for line in told))
    also: list[dict[str, Any]] = []
    wanted, leaves = pull.scope(name)

    def until_cancelled() -> None:
        with pytest.raises(Cancelled):
            pull.puller.pull(wanted, also.append, leaves)

    leaving = threading.Thread(target=until_cancelled)
    leaving.start()
    wait_for(lambda: any("digest" in line for line in also))
    leaves.cancel()
    leaving.join(20)
    registry.trouble.go.set()
    staying.join(20)
    assert told[-1] == {"status": "success"}
    assert blob(store, BIG).read_bytes() == BIG
