"""Importing a GGUF of 1 GB, beside one Python pass that copies and hashes the same file.

Three ways: the engine's hard link, the copy that it makes where a link is not possible (from
another disk), and the upload by ``/api/blobs`` and ``/api/create`` that an Ollama gets, here
to the engine. The upload has no bound: its address holds the digest, so the file is read once
before it is sent, and digested on both sides. The names are new each time;
the file is in the page cache, as after a download.
"""

from __future__ import annotations

import hashlib
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, seconds
from benchmarks.shapes import shape
from local_assistant.engine.launch import ensure_engine, stop_engine
from local_assistant.engine.store.store import Store
from local_assistant.models import upload
from local_assistant.models.progress import Progress
from local_assistant.server import Client, Endpoint

BOUND = 1.2
PAIRS = 5
_BLOCK = 1 << 20


def measure(runs: int) -> list[Figure]:
    """Time each way in turn with the pass, and report the median of the pairs."""
    file = shape("1.5b")
    pairs = min(runs, PAIRS)
    ways: list[tuple[str, Callable[[Path, Path], float], float | None]] = [
        ("hard link", _linked, BOUND),
        ("another disk", _copied, BOUND),
        ("upload by the API", _uploaded, None),
    ]
    figures = []
    with tempfile.TemporaryDirectory(prefix="assistant-import-", dir=file.parent) as folder:
        for name, way, bound in ways:
            ratio, how = _compare(file, Path(folder), way, pairs)
            figures.append(Figure(f"import of 1 GB: {name}", ratio, bound, "x", how))
    stop_engine()
    return figures


def _compare(
    file: Path, folder: Path, way: Callable[[Path, Path], float], pairs: int
) -> tuple[float, str]:
    taken = [(_pass(file, folder), way(file, folder)) for _ in range(pairs + 1)][1:]
    base, ours = (statistics.median(column) for column in zip(*taken, strict=True))
    ratio = statistics.median(b / a for a, b in taken)
    return ratio, f"{file.stat().st_size / 1e9:.2f} GB: {ours:.2f} s, one pass {base:.2f} s"


def _pass(file: Path, folder: Path) -> float:
    """Copy and hash in one loop."""
    copy = folder / "copy.bin"

    def work() -> None:
        digest = hashlib.sha256()
        with file.open("rb") as source, copy.open("wb") as target:
            while block := source.read(_BLOCK):
                digest.update(block)
                target.write(block)

    taken = seconds(work)
    copy.unlink()
    return taken


def _linked(file: Path, folder: Path) -> float:
    return _stored(file, folder, link=True)


def _copied(file: Path, folder: Path) -> float:
    return _stored(file, folder, link=False)


def _stored(file: Path, folder: Path, *, link: bool) -> float:
    root = folder / "models"
    taken = seconds(lambda: Store(root, others=()).add_gguf("m", file, link=link))
    shutil.rmtree(root)
    return taken


def _uploaded(file: Path, _folder: Path) -> float:
    """Give the file to a running engine; what it has of it goes again before the next time."""
    engine = ensure_engine()
    endpoint = Endpoint("ollama", engine.url, engine.token, "", True, "")
    progress = Progress("m", lambda _: None)
    parts = [upload.Part(file.name, file)]
    taken = seconds(lambda: upload.create("m", parts, {}, endpoint, progress))
    Client(endpoint).request("DELETE", "/api/delete", {"model": "m"})
    return taken
