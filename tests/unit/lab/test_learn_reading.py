"""From files to passages: nothing lost, places right, bad files said."""

from __future__ import annotations

import json
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf.errors import DependencyError

from local_assistant.errors import AssistantError
from local_assistant.lab.learn import finding, passages, reading

_TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=60)


@given(_TEXTS, st.integers(8, 200))
def test_every_line_is_in_one_passage(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    parts = list(passages.split(text, passages.code_head, limit))
    words = "".join(text.split())
    assert "".join("".join(part.text.split()) for part in parts) == words
    assert all(len(part.text) <= limit for part in parts)
    ends = [number for part in parts for number in (part.first, part.last)]
    assert ends == sorted(ends)


def test_places_name_the_lines_of_the_file() -> None:
    text = "\n".join(f"line {number} " + "x" * 50 for number in range(1, 101))
    for part in passages.split(text, passages.no_head):
        assert part.text.splitlines()[0].startswith(f"line {part.first} ")
        assert part.text.splitlines()[-1].startswith(f"line {part.last} ")


def test_a_definition_begins_a_passage_and_names_it() -> None:
    body = "    x = 1  # " + "y" * 60 + "\n"
    text = f"import os\n\ndef first():\n{body * 6}\ndef second(a):\n{body * 6}"
    parts = list(passages.split(text, passages.code_head))
    assert [part.heading for part in parts] == ["first", "second"]
    assert parts[1].text.startswith("def second(a):")


def test_a_long_definition_keeps_its_name_in_each_part() -> None:
    text = "class Long:\n" + "".join(f"    value_{n} = {n}\n" for n in range(200))
    parts = list(passages.split(text, passages.code_head))
    assert len(parts) > 2
    assert {part.heading for part in parts} == {"Long"}


def test_a_comment_in_a_code_block_is_no_heading() -> None:
    text = "# Title\n" + "words " * 80 + "\n```python\n# not a heading\n```\n" + "more " * 80
    headings = {part.heading for part in passages.split(text, passages.markdown_heads())}
    assert headings == {"Title"}


def test_a_notebook_names_cells(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Rain\n", "It rains."]},
        {"cell_type": "code", "source": "def f():\n    return 1", "outputs": [{"text": "secret"}]},
        {"cell_type": "code", "source": "\n".join(f"value_{n} = {n}" for n in range(200))},
        {"cell_type": "code", "source": "  "},
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    _, found = reading.read_passages(path)
    assert [each.place for each in found[:2]] == ["cell 1", "cell 2"]
    assert [each.heading for each in found[:2]] == ["Rain", "f"]
    assert found[2].place.startswith("cell 3, lines 1-")
    assert not any("secret" in each.text for each in found)


def _pdf(*texts: str) -> bytes:
    """Return a PDF of one page for each text, written by hand (ISO 32000-1, 7.5)."""
    font = 3 + 2 * len(texts)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(len(texts)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(texts)} >>".encode(),
    ]
    for number, text in enumerate(texts):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode()
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * number} 0 R"
            f" /Resources << /Font << /F1 {font} 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out))
    )


def test_a_pdf_names_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(_pdf("The sun is a star.", "The moon is not."))
    _, found = reading.read_passages(path)
    assert [(each.place, each.text.strip()) for each in found] == [
        ("page 1", "The sun is a star."),
        ("page 2", "The moon is not."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.py", b"\0\1\2", "not a text file"),
        ("a.md", "grün".encode("latin-1"), "not in UTF-8"),
        ("a.ipynb", b"[1]", "not a notebook"),
        ("a.ipynb", b'{"cells": [{"cell_type": "code"}]}', "not a notebook"),
        ("a.ipynb", b"[" * 200_000, "not a notebook"),
        ("a.pdf", b"%PDF-1.4\nbroken", "cannot be read"),
        ("a.pdf", _pdf(""), "pictures"),
    ],
)
def test_a_bad_file_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(reading.Unreadable, match=said):
        reading.read_passages(path)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotImplementedError("unsupported filter"), "cannot be read"),
        (IndexError("list index out of range"), "cannot be read"),
        (RecursionError("maximum recursion depth exceeded"), "cannot be read"),
        (DependencyError("cryptography is required"), "needs another package: cryptography"),
    ],
)
def test_however_a_pdf_fails_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(_page: pypdf.PageObject) -> str:
        raise error

    monkeypatch.setattr(pypdf.PageObject, "extract_text", fail)
    path = tmp_path / "a.pdf"
    path.write_bytes(_pdf("The sun is a star."))
    with pytest.raises(reading.Unreadable, match=said):
        reading.read_passages(path)


def test_half_a_surrogate_pair_is_kept_out(tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": ["# Rain \ud83c\n", "It rains."]}]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    _, (found,) = reading.read_passages(path)
    assert (found.heading, found.text) == ("Rain ?", "# Rain ?\nIt rains.")


def test_a_folder_gives_its_documents_and_nothing_private(tmp_path: Path) -> None:
    wanted = ["a.py", "docs/b.md", "docs/deep/c.ipynb"]
    others = [
        ".git/config.py", "node_modules/x.js", ".env", "secrets.toml", "id_rsa", "photo.png",
        "venv/pyvenv.cfg", "venv/lib/x.py", ".hidden.py", "data.bin",
    ]  # fmt: skip
    for name in [*wanted, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    (tmp_path / "docs" / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = [path.relative_to(tmp_path).as_posix() for path in finding.files_of(tmp_path)]
    assert found == wanted


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x", encoding="utf-8")
    assert finding.resolve(["a.md", "."], tmp_path) == [tmp_path / "a.md", tmp_path]
    with pytest.raises(AssistantError, match=r"nothing\.md"):
        finding.resolve(["a.md", "nothing.md"], tmp_path)
