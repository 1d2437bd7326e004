"""Where suggestions are made, in which language, and where not."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.lab.completion.judge import judge
from local_assistant.lab.completion.place import locate
from tests.unit.lab.completion.states import code, state

LANGUAGES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "python": ("x = ‸", {}, "python", "x = "),
    "bash cell": ("%%bash\nls ‸", {}, "bash", "ls "),
    "sh with arguments": ("%%sh -e\nls ‸", {}, "bash", "ls "),
    "script": ("%%script bash\nls ‸", {}, "bash", "ls "),
    "sql": ("%%sql\nSELECT ‸", {}, "sql", "SELECT "),
    "html": ("%%html\n<b‸", {}, "html", "<b"),
    "javascript": ("%%js\nlet x = ‸", {}, "javascript", "let x = "),
    "file written": ("%%writefile a.py\nx = ‸", {}, "python", "x = "),
    "other file written": ("%%writefile run.sh\nls ‸", {}, "bash", "ls "),
    "timed": ("%%time\nx = ‸", {}, "python", "x = "),
    "unknown magic": ("%%mine\nx = ‸", {}, "python", "%%mine\nx = "),
    "shell line": ("x = 1\n!ls ‸", {}, "bash", "ls "),
    "two shell lines": ("!cd a\nx = 1\n!ls ‸", {}, "bash", "cd a\nls "),
    "modulo": ("x = (10\n% ‸", {}, "python", "x = (10\n% "),
    "R": ("x <- ‸", {"mime": "text/x-rsrc"}, "r", "x <- "),
    "file": ("x = ‸", {"kind": "file", "path": "a.py", "mime": "text/x-python"}, "python", "x = "),
    "percent in a file": (
        "%%bash\nx‸",
        {"kind": "file", "path": "a.py", "mime": "text/x-python"},
        "python",
        "%%bash\nx",
    ),
    "shell file": ("ls ‸", {"kind": "file", "path": "a.sh", "mime": "text/plain"}, "bash", "ls "),
    "fenced code": (
        "Look:\n```python\nx = ‸\n```\nend",
        {"cell_type": "markdown"},
        "python",
        "x = ",
    ),
    "prose by hand": (
        "Once ‸", {"cell_type": "markdown", "trigger": "invoke"}, "markdown", "Once ",
    ),
    "console": ("x = ‸", {"kind": "console"}, "python", "x = "),
}  # fmt: skip


def test_files_of_secrets_are_sent_to_no_model_unasked() -> None:
    def message(path: str, **more: Any) -> str | None:
        more = {"kind": "file", "mime": "text/plain", **more}
        return locate(state("KEY=‸", path=path, **more)).message

    for path in (
        ".env",
        "a/.env.local",
        "prod.env",
        "key.pem",
        ".netrc",
        "x/id_rsa",
        "secrets.toml",
    ):
        assert message(path), path
        assert message(path, trigger="invoke") is None
    assert message("secrets.ipynb", kind="notebook")
    assert message("secrets.ipynb", kind="notebook", trigger="invoke") is None
    for path in (
        "env.py",
        "environment.yml",
        "keys.py",
        "secrets",
        "my_secrets.py",
        "notes.txt",
        "",
    ):
        assert message(path) is None, path


@pytest.mark.parametrize("name", LANGUAGES)
def test_language_and_text(name: str) -> None:
    text, more, language, before = LANGUAGES[name]
    request = state(text, **more)
    place = locate(request)
    assert (place.language, place.before, place.message) == (language, before, None)
    assert judge(request, place).shape is not None


NOT_HERE: dict[str, tuple[str, dict[str, Any]]] = {
    "raw": ("x = ‸", {"cell_type": "raw"}),
    "prose": ("Once ‸", {"cell_type": "markdown"}),
    "behind the fence": ("```\nx\n```\nand ‸", {"cell_type": "markdown"}),
    "a question to a model": ("%%ai\nWrite ‸", {}),
    "the magic's own line": ("%%ti‸", {}),
    "a line magic": ("%matplotlib inl‸", {}),
    "help": ("?pri‸", {}),
    "help behind": ("print?‸", {}),
    "in a word": ("pri‸nt", {}),
    "in a word by hand": ("pri‸nt", {"trigger": "invoke"}),
    "in front of a word": ("x = ‸y", {}),
    "in front of an underscore": ("x = ‸_y", {}),
    "nothing at all": ("‸", {}),
    "blanks alone": ("  \n‸\n", {"before": code("", "  ")}),
}


@pytest.mark.parametrize("name", NOT_HERE)
def test_places_without_suggestions(name: str) -> None:
    text, more = NOT_HERE[name]
    request = state(text, **more)
    verdict = judge(request, locate(request))
    assert (verdict.shape, verdict.reason) == (None, "not_here")
    assert verdict.message and verdict.message.endswith((".", ")"))


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("x = ‸y", {"trigger": "invoke"}),
        ("‸", {"before": code("import os")}),
        ("‸\nimport os", {}),
        ("foo(‸)", {}),
        ("x = é‸", {}),
    ],
)
def test_places_with_suggestions(text: str, more: dict[str, Any]) -> None:
    request = state(text, **more)
    assert judge(request, locate(request)).shape is not None
