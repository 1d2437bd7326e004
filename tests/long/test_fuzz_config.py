"""assistant.toml, broken in every way: said with file, line, key and fix; never harmed by us."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from local_assistant.config import ConfigError, ConfigWatcher, load_config, set_value, toml
from local_assistant.errors import AssistantError
from tests.figures import Figures

GOOD = """\
# mine
[server]
kind = "auto" # which
keep_alive = "30m"

[models]
preset = "small"
# chat = "example"
completion = 'a:1b'

[chat]
system_prompt = \"\"\"
Be # brief
[models]
\"\"\"
temperature = 0.5

[completion]
enabled = true
max_tokens = 64

[presets.mine]
summary = "ours"
chat = "a"
completion = "b"
embedding = "c"
"""
KEYS = (
    "server.kind", "models.preset", "models.chat", "chat.temperature", "completion.enabled",
    "engine.port", "presets.mine.chat",
)  # fmt: skip
PIECES = (
    "[", "]", "[[", "=", '"', '"""', "'", "#", "{", "}", ",", ".", "\n", "\r\n", "\r", "\x00", "\\",
    "\ufeff", "é", "\u2028", "[models]\n", "models.chat = 1\n", "[[models]]\n", "prset = 1\n",
    "[x]\ny = 1\n", "kind = 3\n", "chat = [1, [2]]\n", "enabled = 'yes'\n", "a = 1979-05-27\n",
    "chat = inf\n", "port = 99999\n", '"" = 1\n', "\"é\" = 1\n", "[engine]\nport = 0x_\n",
    "\x1b[31m", "\"\x1b[2J\" = 1\n", "[presets.mine]\n\"\" = 1\n", "[" * 400,
    "x = " + "[" * 3000 + "]" * 3000 + "\n", "{a = {a = {}}}", "1e999", "\ud7ff",
)  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A good file with a few pieces put in, taken out or doubled."""
    text = GOOD
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        how = draw(st.sampled_from(["insert", "line", "cut", "end", "double"]))
        if how == "insert":
            text = text[:at] + draw(st.sampled_from(PIECES) | st.text(max_size=3)) + text[at:]
        elif how == "line":
            at = text.find("\n", at) + 1
            text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
        elif how == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 12)) :]
        elif how == "end":
            text = text[:at]
        else:
            text = text[:at] + text[at : at + 40] + text[at:]
    encoding = draw(st.sampled_from(["utf-8"] * 12 + ["utf-8-sig", "utf-16", "latin-1"]))
    return text.encode(encoding, errors="replace")


@st.composite
def odd(draw: st.DrawFn) -> bytes:
    """A valid file in a form that few people write."""
    parts = draw(st.permutations([
        draw(st.sampled_from([
            "[models]\nchat = 'a'", "models.chat = 'a'", "models = {chat = 'a', preset = 'demo'}",
            "[ models ]  # which\n\"chat\" = 'a' # why\n", "[models]\n'preset' = \"\"\"demo\"\"\"",
            "[models]\n\n# chat = 1\n\n", "[models]", "", "models.\"chat\"='é🙂'",
        ])),
        draw(st.sampled_from([
            "[chat]\ntemperature=1", "", "chat.system_prompt = '''\n[models]\nchat = 1\n'''",
            "[chat]\nsystem_prompt = \"\"\"a\\\n   b\"\"\" # c", "chat = {}",
        ])),
        draw(st.sampled_from(["# é\t", "", "# chat = 'x'", "#[models]", "\t \n"])),
        draw(st.sampled_from(["", "[presets.a]\nchat='x'\ncompletion='y'\nembedding='z'\n"])),
    ]))  # fmt: skip
    # What stands outside tables stands above them.
    parts = sorted(parts, key=lambda part: "[" in part.split("\n")[0] and part[:1] in "[ ")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = "\n".join(parts).replace("\n", end) + draw(st.sampled_from(["", end, end * 3]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


@pytest.fixture
def own(home: Path) -> Path:
    path = home / "jupyter" / "assistant.toml"
    path.parent.mkdir()
    return path


def _held_to_the_promise(error: ConfigError, path: Path) -> None:
    assert error.fix and "jupyter assistant config validate" in error.fix
    assert "Traceback" not in str(error)
    assert all(line.isprintable() for line in str(error).split("\n")), repr(str(error))
    assert error.problems
    for problem in error.problems:
        assert problem.file == path
        assert str(problem).startswith("~/jupyter/assistant.toml"), str(problem)
        # No line is to blame only where the whole file is no text, too long or too deep.
        assert problem.line or "too deep" in problem.text, str(problem)
        assert len(problem.text) > 15
        lines = path.read_bytes().count(b"\n") + 1
        assert problem.line is None or 1 <= problem.line <= lines + 1
        syntax = "this is not" in problem.text or "too deep" in problem.text
        assert problem.key or syntax, str(problem)


def test_broken_files(own: Path, figures: Figures, lasting: Callable[[int, int], int]) -> None:
    own.write_text(GOOD)
    watcher = ConfigWatcher()
    good = watcher.current().config
    broken = 0

    @hypothesis.settings(max_examples=lasting(700, 3000))
    @hypothesis.given(raw=spoiled())
    def run(raw: bytes) -> None:
        nonlocal broken
        own.write_bytes(raw)
        try:
            load_config()
        except ConfigError as error:
            broken += 1
            _held_to_the_promise(error, own)
            assert watcher.current().config == good, "the last good one stays in force"
            assert watcher.problem is not None
            for key, value in (("models.chat", "new"), ("completion.enabled", False)):
                _edit(own, key, value)
            own.write_text(GOOD)
            assert watcher.current().config == good
            assert watcher.problem is None

    run()
    figures("config: broken files, each said with file, line, key, fix", broken, "≥ 500",
            broken >= 500)  # fmt: skip


def test_odd_files_keep_every_byte(
    own: Path, figures: Figures, lasting: Callable[[int, int], int]
) -> None:
    edited = 0

    @hypothesis.settings(max_examples=lasting(130, 1000))
    @hypothesis.given(raw=odd())
    def run(raw: bytes) -> None:
        nonlocal edited
        for key, value in (
            ("models.chat", "new"), ("models.preset", "large"), ("chat.temperature", 0.25),
            ("engine.port", 5000), ("models.chat", None),
        ):  # fmt: skip
            own.write_bytes(raw)
            edited += _edit(own, key, value)

    run()
    figures("config: odd files edited without losing a byte", edited, "> 500", edited > 500)


def _edit(path: Path, key: str, value: object) -> bool:
    """Set a value; hold what became of the file to the promise; return whether it was changed."""
    before = path.read_bytes()
    try:
        set_value(key, value)
    except AssistantError as error:
        assert path.read_bytes() == before
        assert error.fix
        return False
    after = path.read_bytes()
    table, _, name = key.partition(".")
    old, new = (toml.parse(raw.decode("utf-8-sig")) for raw in (before, after))
    assert new.get(table, {}).get(name) == value
    for each in (old, new):
        each.setdefault(table, {}).pop(name, None)
        if not each[table]:
            del each[table]
    assert {k: v for k, v in old.items() if v} == {k: v for k, v in new.items() if v}
    assert after.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    if b"\r\n" in before and b"\n" not in before.replace(b"\r\n", b""):
        assert b"\n" not in after.replace(b"\r\n", b"")
    _only_one_statement_changed(before, after, name, value)
    return True


def _only_one_statement_changed(before: bytes, after: bytes, name: str, value: object) -> None:
    old, new = before.decode("utf-8-sig"), after.decode("utf-8-sig")
    lost = [
        line[2:]
        for line in difflib.ndiff(old.splitlines(), new.splitlines())
        if line.startswith("- ") and line[2:].strip()
    ]
    assert len(lost) <= 1, (old, new)
    for line in lost:
        assert name in line or "{" in line, (line, old, new)
        comment = line.partition(" #")[2]
        assert value is None or not comment or comment in new, (old, new)
