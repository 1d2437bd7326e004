"""What comes from elsewhere, in any form: notebooks, Modelfiles, GGUF headers. Read, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import strategies as st

from local_assistant.engine.gguf.header import BadGGUF, read_header
from local_assistant.lab.chat.notebooks import Notebook, Unreadable
from local_assistant.models.modelfiles import checking, parsing
from tests.figures import Figures
from tests.integration.engine import tiny_gguf

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def part(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects that have some of the fields, each as it should be or any other value."""
    mixed = {key: good | anything for key, good in fields.items()}
    return st.fixed_dictionaries({}, optional=mixed)


lines = st.text(max_size=20) | st.lists(st.text(max_size=9), max_size=3)
outputs = part(
    output_type=st.sampled_from(["error", "stream", "display_data"]),
    text=lines,
    data=part(**{"text/plain": lines}),
    ename=st.just("NameError"),
    evalue=lines,
    traceback=st.lists(st.sampled_from(["\x1b[31m", "Cell In[1], line 3", "----> 3 x", ""])),
)
cells = part(
    cell_type=st.sampled_from(["code", "markdown"]),
    id=st.text(max_size=4),
    source=lines,
    execution_count=st.integers(0, 9),
    outputs=st.lists(outputs | anything, max_size=2),
)
notebooks = part(
    cells=st.lists(cells | anything, max_size=3),
    metadata=part(kernelspec=part(language=st.just("python"))),
)


def test_notebooks(figures: Figures, lasting: Callable[[int, int], int]) -> None:
    tried = 0

    @hypothesis.settings(max_examples=lasting(150, 5000))
    @hypothesis.given(content=notebooks | anything)
    def run(content: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            notebook = Notebook.of("n.ipynb", json.loads(json.dumps(content)))
        except Unreadable:
            return
        notebook.failed_last()
        notebook.index_of("a")
        for index in range(len(notebook.cells)):
            for each in [*notebook.about(index), *notebook.with_results(index)]:
                assert isinstance(each.content, str)

    run()
    figures("notebooks of any JSON", f"{tried} / {tried}", "all", True)


words = st.sampled_from([
    "FROM", "from ./m.gguf", "FROM assistant-demo", "PARAMETER", "PARAMETER temperature", "x",
    "TEMPLATE", '"""', '"', "SYSTEM", "MESSAGE user", "MESSAGE nobody", "ADAPTER", "LICENSE",
    "num_ctx 99999999999999999999", "stop", "\n", "\r\n", "#", "{{ .Prompt }}", "{{", "\\", "\x00",
    "REQUIRES 9.9", "DRAFT x", "\ufeff", "\x1b[31m", "1e999", "nan",
])  # fmt: skip


def test_modelfiles(tmp_path: Path, figures: Figures, lasting: Callable[[int, int], int]) -> None:
    tried = 0
    texts = st.lists(words | st.text(max_size=5), max_size=14).map(" ".join)

    @hypothesis.settings(max_examples=lasting(300, 5000))
    @hypothesis.given(raw=texts.map(lambda text: text.encode(errors="replace")) | st.binary())
    def run(raw: bytes) -> None:
        nonlocal tried
        tried += 1
        try:
            checking.check(parsing.decode(raw, "Modelfile"), "Modelfile", tmp_path)
        except parsing.ModelfileError as error:
            assert error.fix
            for problem in error.problems:
                assert problem.text.isprintable(), problem

    run()
    figures("Modelfiles of any text", f"{tried} / {tried}", "all", True)


def test_gguf_headers(tmp_path: Path, figures: Figures, lasting: Callable[[int, int], int]) -> None:
    """A good file with a few bytes of its header changed, or cut: read or refused, soon."""
    good = tiny_gguf.write(tmp_path / "tiny.gguf").read_bytes()
    head = good.index(b"token_embd.weight") + 2000
    bad = tmp_path / "bad.gguf"
    tried = 0
    change = st.tuples(st.integers(0, head), st.binary(min_size=1, max_size=9))

    @hypothesis.settings(max_examples=lasting(300, 5000))
    @hypothesis.given(
        changes=st.lists(change, max_size=4), end=st.integers(0, len(good)) | st.none()
    )
    def run(changes: list[tuple[int, bytes]], end: int | None) -> None:
        nonlocal tried
        tried += 1
        data = bytearray(good)
        for at, piece in changes:
            data[at : at + len(piece)] = piece
        bad.write_bytes(data[:end])
        try:
            header = read_header(bad)
        except BadGGUF as error:
            assert len(error.message) > 10
            return
        assert header.kind and header.parameter_size and header.quantization
        assert isinstance(header.kv_bytes(4096), int)
        assert isinstance(header.chat_template, str)
        assert header.context_length >= 0 and header.embedding_length >= 0

    run()
    figures("GGUF headers with bytes changed", f"{tried} / {tried}", "all", True)
