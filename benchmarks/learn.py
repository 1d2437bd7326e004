"""How fast documents are learned and found again.

Learning is compared with the embedding model alone: the same texts in the same requests, sent
by nothing but a loop, in turn with it. The files are modules of the standard library, cut into
a thousand pieces. Retrieval is timed on an index of a hundred thousand random vectors.
"""

from __future__ import annotations

import statistics
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.figures import Figure
from local_assistant.engine.launch import EngineInfo, ensure_engine, stop_engine
from local_assistant.lab.learn import vectors
from local_assistant.lab.learn.embedding import Embedder
from local_assistant.lab.learn.index import Index, KnownFile, NewFile
from local_assistant.lab.learn.learning import Learned, learn
from local_assistant.lab.learn.passages import Passage
from local_assistant.server import DEMO_MODEL, Endpoint

FILES = 1_000
FILE_BYTES = 1_000
CHUNKS = 100_000
DIMENSIONS = 768


def measure(runs: int) -> list[Figure]:
    """Learn a folder with the demo model, then search a large index.

    The demo model is the hardest case: a larger one leaves more time for everything else.
    """
    with TemporaryDirectory(prefix="assistant-learn-") as folder:
        root = Path(folder)
        info = ensure_engine()
        try:
            figures = _learning(info, root, min(runs, 3))
        finally:
            stop_engine()
        return [*figures, *_retrieval(root / "large.sqlite", max(runs, 20))]


def _learning(info: EngineInfo, root: Path, runs: int) -> list[Figure]:
    documents = root / "documents"
    _write(documents)
    endpoint = Endpoint("embedded", info.url, info.token, "", True, "")
    recorder = _Recorder(endpoint, DEMO_MODEL, "30m")
    _learn(documents, root / "first.sqlite", recorder)  # not counted: it loads the model
    requests = list(recorder.requests)
    ratios, speeds = [], []
    for number in range(runs):
        began = time.perf_counter()
        for texts in requests:
            recorder.documents(texts)
        raw_s = time.perf_counter() - began
        done = _learn(documents, root / f"{number}.sqlite", recorder)
        ratios.append(done.seconds / raw_s)
        speeds.append(done.bytes / done.seconds / 1e6)
    how = f"{FILES:,} files of {FILE_BYTES / 1000:g} kB, {DEMO_MODEL}, median of {runs}"
    against = f"{how}; against the same requests sent by a loop"
    return [
        Figure("learn: time / the model's own", statistics.median(ratios), 1.11, "x", against),
        Figure("learn: speed", statistics.median(speeds), None, "MB/s", how),
    ]


@dataclass(frozen=True)
class _Recorder(Embedder):
    """The embedder, with a list of what it was sent."""

    requests: list[list[str]] = field(default_factory=list)

    def documents(self, texts: Sequence[str]) -> vectors.Floats:
        self.requests.append(list(texts))
        return super().documents(texts)


def _learn(documents: Path, file: Path, embedder: Embedder) -> Learned:
    index = Index(file)
    try:
        return learn([documents], index, embedder, lambda *_: None, threading.Event())
    finally:
        index.close()


def _write(folder: Path) -> None:
    folder.mkdir()
    source = _library()
    for number in range(FILES):
        (folder / f"{number:04}.py").write_text(next(source), encoding="utf-8")


def _library() -> Iterator[str]:
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for start in range(0, len(text) - FILE_BYTES, FILE_BYTES):
            yield text[start : start + FILE_BYTES]


def _retrieval(file: Path, runs: int) -> list[Figure]:
    random = np.random.default_rng(1)
    index = Index(file)
    for number in range(CHUNKS // 100):
        rows = vectors.unit(random.normal(size=(100, DIMENSIONS)))
        known = KnownFile(f"/file-{number}", "", 0, 0, 100)
        texts = [Passage("x" * 1000, f"line {line}") for line in range(100)]
        index.put([NewFile(known, texts, rows)])
    index.close()
    index = Index(file)
    times = []
    for _ in range(runs):
        question = vectors.unit(random.normal(size=(1, DIMENSIONS)))[0]
        began = time.perf_counter()
        index.search(question, 8)
        times.append(1000 * (time.perf_counter() - began))
    index.close()
    how = f"{CHUNKS:,} passages of {DIMENSIONS} dimensions"
    return [
        Figure(
            "ask: retrieval", statistics.median(times[1:]), 50, "ms", f"{how}, median of {runs}"
        ),
        Figure("ask: first retrieval after a start", times[0], None, "ms", how),
    ]
