"""Every mistake in assistant.toml is named with file, line, key, expectation and nearest word."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local_assistant.config import ConfigError, load_config
from local_assistant.errors import AssistantError


@pytest.fixture
def own(home: Path) -> Path:
    path = home / "jupyter" / "assistant.toml"
    path.parent.mkdir()
    return path


def problems_of(path: Path, text: str | bytes) -> ConfigError:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load_config()
    return caught.value


def test_the_message_reads_as_promised(own: Path) -> None:
    error = problems_of(own, "# a\n\n[server]\n\n[models]\n\nprset = 'small'\n")
    assert error.message == (
        '~/jupyter/assistant.toml, line 7: [models] prset is not a setting. Did you mean "preset"?'
    )
    assert error.fix == "Edit line 7, then check with: jupyter assistant config validate"
    assert isinstance(error, AssistantError)


@pytest.mark.parametrize(
    ("text", "line", "key", "expected", "nearest"),
    [
        ('[models]\npreset = "smal"\n', 2, "models.preset", 'one of "auto", "demo"', "small"),
        ('[modles]\nchat = "x"\n', 1, "modles", "[models]", "[models]"),
        ('preset = "small"\n', 1, "preset", "such as [models]", "[models] preset"),
        ("[chat]\nfim_order = 'psm'\n", 2, "chat.fim_order", "system_prompt", "[completion] fim"),
        ("[chat]\nchat_temp = 1\n", 2, "chat.chat_temp", "temperature", None),
        ('[completion]\nmax_tokens = "64"\n', 2, "completion.max_tokens", "from 1 to 4096", None),
        ("[completion]\nenabled = 1\n", 2, "completion.enabled", "true or false", None),
        ("[completion]\nmax_tokens = true\n", 2, "completion.max_tokens", "whole number", None),
        ("[completion]\nmax_tokens = 0\n", 2, "completion.max_tokens", "from 1 to 4096", None),
        ("[completion]\nmax_tokens = 1.5\n", 2, "completion.max_tokens", "whole number", None),
        ("[chat]\ntemperature = 2.5\n", 2, "chat.temperature", "a number from 0 to 2", None),
        ("[chat]\ntemperature = true\n", 2, "chat.temperature", "a number from 0 to 2", None),
        ("[chat]\ntemperature = nan\n", 2, "chat.temperature", "a number from 0 to 2", None),
        ('[server]\nkeep_alive = "soon"\n', 2, "server.keep_alive", '"30m"', None),
        ("[server]\nkeep_alive = true\n", 2, "server.keep_alive", '"30m"', None),
        ("[engine]\nidle_timeout = 0\n", 2, "engine.idle_timeout", "(never)", None),
        ('[server]\nurl = "ftp://a"\n', 2, "server.url", "http://127.0.0.1:11434", None),
        ('[server]\nurl = "http://u:p@h"\n', 2, "server.url", "an address", None),
        ('[models]\nchat = ""\n', 2, "models.chat", "a model name", None),
        ("[models]\nchat = ['a']\n", 2, "models.chat", "a model name", None),
        ("models = 3\n", 1, "models", "[models]", None),
        ("[[models]]\nchat = 'x'\n", 1, "models", "[models]", None),
        ("[engine]\nport = 70000\n", 2, "engine.port", "from 1 to 65535", None),
        ("[engine]\n[engine.port]\nx = 1\n", 2, "engine.port", "whole number", None),
        ("models.prset = 1\n", 1, "models.prset", "preset", "preset"),
        ("\nmodels = {prset = 1}\n", 2, "models.prset", "preset", "preset"),
    ],
)
def test_one_mistake(
    own: Path, text: str, line: int, key: str, expected: str, nearest: str | None
) -> None:
    error = problems_of(own, text)
    (problem,) = error.problems
    assert (problem.file, problem.line, problem.key) == (own, line, key)
    assert expected in problem.expected
    assert (problem.nearest or "").startswith(nearest or "")
    assert bool(problem.nearest) == bool(nearest)
    if nearest:
        assert nearest in error.message
    assert f"line {line}" in (error.fix or "")


def test_all_mistakes_are_reported_together(own: Path) -> None:
    error = problems_of(
        own, '[server]\nkind = "x"\n[models]\nchats = "a"\n[completion]\nenabled = "yes"\n'
    )
    assert [problem.line for problem in error.problems] == [2, 4, 6]
    assert len(error.message.splitlines()) == 3
    assert error.fix == "Edit lines 2, 4 and 6, then check with: jupyter assistant config validate"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[models]\nchat == 'x'\n", 2, "column 7: this is not TOML (unexpected character: '='"),
        ('[models]\nchat = "x\n', 2, 'chat = "x'),
        ("[models\n", 1, "the line ends too early"),
        ("[models]\npreset = small\n", 2, "preset = small"),
        ("a\n", 1, "the line ends too early"),
        ("[models]\nchat = 'a'\n# b\nchat = 'c'\n", 4, "models.chat is set twice"),
        ("[models]\n[chat]\n[models]\n", 3, "[models] is set twice"),
        ("[models]\nchat = 'a' 'b'\n", 2, "not TOML"),
        ("[models]\nchat.x = 1\nchat = 2\n", 3, "models.chat is set twice"),
        ("[models]\nchat = 2\nchat.x = 1\n", 3, "models.chat.x is set twice"),
    ],
)
def test_syntax_errors_name_place_and_text(own: Path, text: str, line: int, words: str) -> None:
    (problem,) = problems_of(own, text).problems
    assert problem.line == line
    assert words in str(problem)


def test_crlf_and_bom_do_not_shift_lines(own: Path) -> None:
    error = problems_of(own, b"\xef\xbb\xbf[server]\r\n[models]\r\nprset = 1\r\n")
    assert error.problems[0].line == 3


def test_multi_line_strings_do_not_shift_lines(own: Path) -> None:
    text = '[chat]\nsystem_prompt = """\n[models]\nprset = "\\""""\n[models]\nprset = 1\n'
    (problem,) = problems_of(own, text).problems
    assert (problem.line, problem.key) == (6, "models.prset")


def test_not_utf8(own: Path) -> None:
    error = problems_of(own, "[models]\nchat = 'é'\n".encode("latin-1"))
    assert error.problems[0].line == 2
    assert "not UTF-8" in error.message
    assert "Save the file in the encoding UTF-8" in (error.fix or "")


def test_utf16_as_an_old_editor_writes_it(own: Path) -> None:
    assert "not UTF-8" in problems_of(own, "[models]\n".encode("utf-16")).message


def test_a_huge_file_is_refused_unread(own: Path) -> None:
    error = problems_of(own, b"#" * 2_000_000)
    assert "2 MB long" in error.message


def test_a_folder_in_place_of_the_file(own: Path) -> None:
    own.mkdir()
    with pytest.raises(ConfigError, match="this is a folder"):
        load_config()


def test_a_pipe_in_place_of_the_file_does_not_hang(own: Path) -> None:
    os.mkfifo(own)
    with pytest.raises(ConfigError, match="not a file"):
        load_config()


def test_deep_nesting(own: Path) -> None:
    own.write_text("[models]\nchat = " + "[" * 20_000 + "]" * 20_000)
    limit = sys.getrecursionlimit()
    with pytest.raises(ConfigError):
        load_config()
    assert sys.getrecursionlimit() == limit


def test_an_unreadable_file(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text("")

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    # root, as which tests may run, may read every file: the system's refusal is stood in for.
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_config()
    assert "Make it readable" in (caught.value.fix or "")


def test_ollama_host_that_is_no_address(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "not a host")
    with pytest.raises(ConfigError, match="OLLAMA_HOST is") as caught:
        load_config()
    assert caught.value.fix == "Correct or unset OLLAMA_HOST."


def test_no_message_holds_a_password(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with a login is refused, wherever it stands; it must not be shown on the way."""
    monkeypatch.setenv("OLLAMA_HOST", "http://me:hunter2@example.org:99")
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert "hunter2" not in caught.value.message
    assert "***@example.org:99" in caught.value.message
    assert "no user name" in caught.value.message
    monkeypatch.delenv("OLLAMA_HOST")
    error = problems_of(own, '[server]\nurl = "http://me:hunter2@example.org:99"\n')
    assert "hunter2" not in error.message
