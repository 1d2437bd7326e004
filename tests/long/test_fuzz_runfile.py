"""Run files and tokens of any content: never an error, never another program taken for ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st

from local_assistant.engine import launch, runfile
from tests.figures import Figures

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = tuple(runfile.RunFile.__dataclass_fields__)


def test_any_run_file_and_token(
    home: Path, figures: Figures, lasting: Callable[[int, int], int]
) -> None:
    mine = asdict(runfile.describe_self(1, "t" * 43, "1.0", "127.0.0.1"))
    mine["port"] = 9  # nothing listens there
    runfile.write(runfile.RunFile(**mine))
    tried = 0
    fields = st.dictionaries(st.sampled_from([*FIELDS, "more"]), anything, max_size=3)
    ports = st.fixed_dictionaries({"port": st.sampled_from([65536, 2**31, 2**64, 10**400])})
    changed = (fields | ports).map(lambda change: json.dumps({**mine, **change}).encode())
    cut = st.integers(0, 200).map(lambda at: json.dumps(mine).encode()[:at])

    @hypothesis.settings(max_examples=lasting(200, 5000))
    @hypothesis.example(b"[" * 100_000)
    @hypothesis.given(raw=changed | cut | anything.map(_dumped) | st.binary(max_size=80))
    def run(raw: bytes) -> None:
        nonlocal tried
        tried += 1
        runfile.run_file().write_bytes(raw)
        record = runfile.believed()
        if record is not None:
            assert (record.pid, record.started) == (os.getpid(), mine["started"])
            assert isinstance(record.url, str)
        assert launch.running_engine() is None
        runfile.token_file().write_bytes(raw)
        runfile.token_file().chmod(0o600)
        token = runfile.keep_token()
        assert runfile.keep_token() == token
        assert token.isascii() and len(token) >= 32

    run()
    figures("run files and tokens of any content", f"{tried} / {tried}", "all", True)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
