"""What a pull finds cut, changed or in the way: nothing is misread, nothing of another's goes."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_assistant.engine.pull.errors import PullError, WebError
from local_assistant.engine.pull.network import Network
from local_assistant.engine.pull.pulling import Wanted
from local_assistant.engine.pull.source import patiently
from local_assistant.engine.pull.web import Scope
from local_assistant.engine.store import layers as kinds
from local_assistant.engine.store import names
from local_assistant.engine.store.layers import Manifest
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError
from tests.integration.engine import tiny_gguf
from tests.integration.engine.pulls import FAST, SMALL, Pull, blob, pull, registry, store
from tests.integration.engine.registries import Registry
from tests.integration.hub import running_hub

__all__ = ["pull", "registry", "store"]

_OK = b"HTTP/1.1 200 OK\r\n"
_CUT = _OK + b"Content-Length: 10\r\n\r\nhalf"
_WHOLE = _OK + b"Content-Length: 4\r\n\r\nbody"


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """Answer one request on each connection with these very bytes; the last one again."""

    def serve(listener: socket.socket) -> None:
        left = list(answers)
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the test has ended
                return
            with client:
                asked = b""
                while b"\r\n\r\n" not in asked and (piece := client.recv(4096)):
                    asked += piece
                client.sendall(left.pop(0) if len(left) > 1 else left[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        listener.shutdown(socket.SHUT_RDWR)


def read(url: str) -> bytes:
    scope = Scope(Network({}), FAST)

    def ask() -> bytes:
        with scope.session() as session:
            return session.get(url, {}).read(100)

    return patiently(scope, ask)


def test_a_short_body_is_asked_for_again() -> None:
    with answering(_CUT, _WHOLE) as url:
        assert read(url) == b"body"


@pytest.mark.parametrize("cut", [_CUT, _OK + b"Content-Length: 10\r\n\r\n"])
def test_a_body_that_is_always_short_is_an_error(cut: bytes) -> None:
    with answering(cut) as url, pytest.raises(WebError, match="the connection was cut"):
        read(url)


def test_what_is_longer_than_anybody_reads_is_not_cut() -> None:
    answer = _OK + b"Content-Length: 1000\r\n\r\n" + bytes(200)
    with answering(answer) as url, pytest.raises(WebError, match="more than 100 bytes"):
        read(url)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 204 No\r\nContent-Length: 10\r\n\r\n", b""),
        (b"HTTP/1.1 304 No\r\nContent-Length: 10\r\n\r\n", b""),
        (_OK + b"Content-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc", b"abc"),
        (_OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", b"a"),
        (_OK + b"\r\nuntil the end", b"until the end"),
        (_OK + b"Content-Length: 0\r\n\r\n", b""),
    ],
)
def test_a_body_that_is_whole(answer: bytes, body: bytes) -> None:
    with answering(answer) as url:
        assert read(url) == body


def test_a_redirect_whose_body_is_cut_leads_on_all_the_same() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 10\r\n\r\n"
    with answering(moved, _WHOLE) as url:
        assert read(url) == b"body"


def other_size(registry: Registry, size: int) -> None:
    """Let the registry's manifest say a wrong size of the first layer."""
    path, manifest = next(iter(registry.manifests.items()))
    said = json.loads(manifest)
    said["layers"][0]["size"] = size
    registry.manifests[path] = json.dumps(said).encode()


def test_a_manifest_with_a_wrong_size_takes_no_blob_away(
    store: Store, registry: Registry, pull: Pull
) -> None:
    pull(registry.add("good", SMALL))
    registry.manifests.clear()
    name = registry.add("bad", SMALL)
    other_size(registry, len(SMALL) + 1)
    with pytest.raises(PullError, match=f"says {len(SMALL) + 1} bytes where .* has {len(SMALL)}"):
        pull(name)
    assert blob(store, SMALL).read_bytes() == SMALL


def test_a_blob_of_ours_that_is_cut_is_fetched_again(
    store: Store, registry: Registry, pull: Pull
) -> None:
    name = registry.add("m", SMALL)
    pull(name)
    blob(store, SMALL).write_bytes(SMALL[:-1])
    pull(name)
    assert blob(store, SMALL).read_bytes() == SMALL


def from_hub(pull: Pull, url: str, name: str) -> None:
    wanted = Wanted(names.parse(name), network=Network({"HF_ENDPOINT": url}))
    pull.puller.pull(wanted, pull.lines.append, pull.puller.scope(wanted))


def test_a_file_that_is_no_model_stays_where_another_uses_it(store: Store, pull: Pull) -> None:
    used, unused = b"GGUF of no use " * 1000, b"GGUF of none either " * 1000
    store.put(names.parse("other"), Manifest((store.add_blob(kinds.MODEL, used),)))
    with running_hub() as hub:
        for number, content in enumerate((used, unused)):
            hub.files[f"u/r{number}"] = {"m-Q8_0.gguf": content}
            with pytest.raises(AssistantError, match="is not a GGUF file that can be used"):
                from_hub(pull, hub.url, f"hf.co/u/r{number}")
    assert blob(store, used).read_bytes() == used
    assert not blob(store, unused).exists()


@pytest.mark.parametrize("more", [b"", b"more"], ids=["same size", "longer"])
def test_a_pull_brings_anew_what_was_changed_in_place(
    store: Store, registry: Registry, pull: Pull, tmp_path: Path, more: bytes
) -> None:
    file = tiny_gguf.write(tmp_path / "mine.gguf")
    good = file.read_bytes()
    store.add_gguf("mine", file)
    linked = blob(store, good).samefile(file)
    changed = good[:-4] + b"\1\2\3\4" + more
    file.write_bytes(changed)
    os.utime(file, (4e9, 4e9))
    pull(registry.add("m", good))
    assert blob(store, good).read_bytes() == good
    assert file.read_bytes() == changed, "the user's file is not ours to mend"
    assert bool(registry.ranges_of(good)) == linked
    found = store.find("mine")
    assert found is not None
    assert found.header().architecture == "llama"
