"""What the tests of pulls share: a store, a registry, and a pull that tries again fast."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine.pull.network import Network
from local_assistant.engine.pull.pulling import Puller, Wanted
from local_assistant.engine.pull.web import Patience, Scope
from local_assistant.engine.store import names
from local_assistant.engine.store.store import Store
from tests.integration.engine.registries import Registry, serving

MIB = 1 << 20
FAST = Patience(tries=4, first_pause_s=0.01, longest_pause_s=2, stall_s=20)
HASTY = replace(FAST, stall_s=0.6)
"""For tests of silence; a busy machine is silent as long, too."""
BIG = random.Random(1).randbytes(9 * MIB + 123)
SMALL = b"GGUF small"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as served:
        yield served


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", others=())


class Pull:
    """One pull into a store, with parts of 1 MiB; its lines are kept."""

    def __init__(self, store: Store) -> None:
        self.puller = Puller(store, FAST, part_bytes=MIB)
        self.lines: list[dict[str, Any]] = []

    def scope(self, name: str) -> tuple[Wanted, Scope]:
        wanted = Wanted(names.parse(name), insecure=True, network=Network({}))
        return wanted, self.puller.scope(wanted)

    def __call__(self, name: str) -> list[str]:
        wanted, scope = self.scope(name)
        self.puller.pull(wanted, self.lines.append, scope)
        return list(dict.fromkeys(line["status"] for line in self.lines))


@pytest.fixture
def pull(store: Store) -> Pull:
    return Pull(store)


def blob(store: Store, content: bytes) -> Path:
    return store.files.own(hashlib.sha256(content).hexdigest())


def files(store: Store) -> list[str]:
    return sorted(each.name for each in store.blobs.glob("*"))
