"""The index: what is found, what is kept, what a change costs."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from local_assistant.errors import AssistantError
from local_assistant.lab.learn import learning, vectors
from local_assistant.lab.learn.finding import files_of
from local_assistant.lab.learn.index import Hit, Index, KnownFile, NewFile, index_file
from local_assistant.lab.learn.learning import BATCH, Learned, learn
from local_assistant.lab.learn.passages import Passage


def _file(path: str, count: int) -> KnownFile:
    return KnownFile(path, "digest", 10, 20, count)


def _passages(count: int) -> list[Passage]:
    return [Passage(f"text {number}", f"line {number}", "head") for number in range(count)]


def put(index: Index, file: KnownFile, passages: list[Passage], rows: vectors.Floats) -> None:
    index.put([NewFile(file, passages, rows)])


@pytest.fixture
def index(home: Path) -> Index:
    return Index(index_file("nomic-embed-text:latest"))


def test_the_nearest_passages_are_found(index: Index) -> None:
    """Against all cosines, at the size where only the codes' candidates are compared."""
    random = np.random.default_rng(7)
    # Neighbours as texts have them: groups around common centres.
    centres = random.normal(size=(200, 256))
    rows = np.repeat(centres, 30, axis=0) + 0.6 * random.normal(size=(6_000, 256))
    matrix = vectors.unit(rows)
    for number in range(6):
        part = matrix[number * 1000 : (number + 1) * 1000]
        put(index, _file(f"/{number}", 1000), _passages(1000), part)
    found = 0
    for row in range(0, 6_000, 120):
        question = vectors.unit([rows[row] + 0.3 * random.normal(size=256)])[0]
        hits = index.search(question, 10)
        scores = np.sort(matrix @ question)[::-1][:10]
        found += sum(abs(hit.score - score) < 1e-6 for hit, score in zip(hits, scores, strict=True))
    assert found >= 0.99 * 500


def test_a_hit_says_where_it_stands(index: Index) -> None:
    put(index, _file("/a", 3), _passages(3), vectors.unit(np.eye(3, 100)))
    assert index.search(vectors.unit(np.eye(3, 100))[1], 1) == [
        Hit("/a", Passage("text 1", "line 1", "head"), 1.0)
    ]


def test_learning_again_replaces(index: Index) -> None:
    for count in (5, 2, 4):
        put(index, _file("/a", count), _passages(count), vectors.unit(np.eye(count, 64)))
        put(index, _file("/b", 1), _passages(1), vectors.unit(np.ones((1, 64))))
        hits = index.search(vectors.unit(np.ones((1, 64)))[0], 50)
        assert len(hits) == count + 1
    index.forget("/a")
    assert [hit.path for hit in index.search(vectors.unit(np.ones((1, 64)))[0], 50)] == ["/b"]
    assert list(index.known()) == ["/b"]


def test_another_connection_sees_the_change(index: Index) -> None:
    one = vectors.unit(np.ones((1, 64)))
    put(index, _file("/a", 1), _passages(1), one)
    assert len(index.search(one[0], 5)) == 1
    other = Index(index.path)
    put(other, _file("/b", 1), _passages(1), one)
    other.close()
    assert len(index.search(one[0], 5)) == 2


def test_an_empty_index_finds_nothing(index: Index) -> None:
    assert index.search(vectors.unit(np.ones((1, 64)))[0], 5) == []


def test_vectors_of_another_size_are_refused(index: Index) -> None:
    put(index, _file("/a", 1), _passages(1), vectors.unit(np.ones((1, 256))))
    with pytest.raises(AssistantError, match="another size") as caught:
        index.search(vectors.unit(np.ones((1, 64)))[0], 5)
    assert caught.value.fix is not None


def test_a_damaged_index_is_said(home: Path) -> None:
    path = index_file("x")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is not SQLite, not at all" * 100)
    with pytest.raises(AssistantError, match="cannot be used"):
        Index(path)


@dataclass
class Letters:
    """An embedding that tests can reckon: how often each letter stands in the text."""

    requests: list[list[str]] = field(default_factory=list)

    def documents(self, texts: Sequence[str]) -> vectors.Floats:
        self.requests.append(list(texts))
        return vectors.unit([[text.count(chr(97 + n)) + 0.01 for n in range(26)] for text in texts])


def _learn(
    root: Path, index: Index, letters: Letters, stop: threading.Event | None = None
) -> Learned:
    said: list[str] = []
    done = learn(
        [root], index, letters, lambda _, path: said.append(path), stop or threading.Event()
    )  # type: ignore[arg-type]
    assert len(said) <= done.files
    return done


def _write(root: Path, count: int) -> None:
    root.mkdir(exist_ok=True)
    for number in range(count):
        (root / f"{number:03}.md").write_text(f"# File {number}\n\nIt says {number}.\n")


def test_only_what_changed_is_embedded_again(tmp_path: Path, index: Index) -> None:
    root, letters = tmp_path / "docs", Letters()
    _write(root, 150)
    (root / "empty.md").write_text("")
    (root / "bad.md").write_bytes(b"\xff\xfe\xff")
    done = _learn(root, index, letters)
    assert (done.files, done.passages, len(done.skipped)) == (151, 150, 1)
    assert [len(batch) for batch in letters.requests] == [BATCH, BATCH, 150 - 2 * BATCH]
    letters.requests.clear()
    done = _learn(root, index, letters)
    assert (done.files, done.unchanged, letters.requests) == (0, 151, [])
    (root / "000.md").write_text("something else")
    (root / "001.md").write_text((root / "001.md").read_text())  # touched, the same
    (root / "002.md").unlink()
    done = _learn(root, index, letters)
    assert (done.files, done.unchanged, done.forgotten) == (1, 149, 1)
    assert [len(batch) for batch in letters.requests] == [1]


def test_one_file_with_an_odd_name_or_text_does_not_keep_the_others_out(
    tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, letters = tmp_path / "docs", Letters()
    _write(root, 2)
    odd = root / "gr\udcfcn.md"  # as Python names what is not UTF-8; not every disk takes it
    monkeypatch.setattr(learning, "files_of", lambda name: [*files_of(name), odd])
    cells = [{"cell_type": "code", "source": "half = '\ud83c'"}]
    (root / "odd.ipynb").write_text(json.dumps({"cells": cells}))
    done = _learn(root, index, letters)
    assert done.skipped == [(str(root / "gr?n.md"), "its name is not UTF-8")]
    assert sorted(Path(path).name for path in index.known()) == ["000.md", "001.md", "odd.ipynb"]
    assert "half = '?'" in "".join(letters.requests[0])


def test_a_file_of_many_passages_is_kept_whole(tmp_path: Path, index: Index) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    (root / "long.txt").write_text("".join(f"{n} " + "word " * 30 + "\n" for n in range(2_000)))
    done = _learn(root, index, Letters())
    assert done.files == 1
    assert done.passages == index.known()[str(root / "long.txt")].passages > 2 * BATCH


def test_stopping_keeps_what_was_learned(tmp_path: Path, index: Index) -> None:
    root, letters, stop = tmp_path / "docs", Letters(), threading.Event()
    _write(root, 200)

    class Stopping(Letters):
        def documents(self, texts: Sequence[str]) -> vectors.Floats:
            stop.set()
            return super().documents(texts)

    done = _learn(root, index, Stopping(), stop)
    assert done.stopped
    assert done.files == len(index.known()) == BATCH
    done = _learn(root, index, letters)
    assert (done.files, done.unchanged) == (200 - BATCH, BATCH)


def test_a_failing_model_loses_nothing(tmp_path: Path, index: Index) -> None:
    root = tmp_path / "docs"
    _write(root, 200)

    class Failing(Letters):
        def documents(self, texts: Sequence[str]) -> vectors.Floats:
            if self.requests:
                raise AssistantError("gone", None)
            return super().documents(texts)

    with pytest.raises(AssistantError, match="gone"):
        _learn(root, index, Failing())
    assert len(index.known()) == BATCH
