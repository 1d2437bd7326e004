"""Defaults, the user's file, a project's file and OLLAMA_HOST: who wins, and who may what."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path

import pytest

from local_assistant.config import (
    AssistantConfig,
    ConfigError,
    ConfigWatcher,
    keys,
    load_config,
    project_file,
    seconds,
)
from local_assistant.config.hosts import base_url, is_loopback
from local_assistant.lab.prompts import SYSTEM_PROMPT


@pytest.fixture
def own(home: Path) -> Path:
    path = home / "jupyter" / "assistant.toml"
    path.parent.mkdir()
    return path


@pytest.fixture
def project(home: Path) -> Path:
    path = home / "work" / "project" / "assistant.toml"
    (path.parent / "notebooks" / "deep").mkdir(parents=True)
    return path


def test_without_a_file_everything_is_default(home: Path) -> None:
    loaded = load_config()
    assert loaded.config == AssistantConfig()
    assert loaded.files == ()
    assert set(loaded.sources) == set(keys()) == set(loaded.values())
    assert set(loaded.sources.values()) == {"default"}
    assert loaded.config.chat.system_prompt == SYSTEM_PROMPT
    assert loaded.config.engine.port == 11435


def test_an_empty_file_is_a_file(own: Path) -> None:
    own.write_text("")
    assert load_config().files == (own,)


def test_later_sources_win_and_are_named(
    own: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text('[server]\nurl = "other:1"\n[models]\nchat = "mine"\ncompletion = "mine"\n')
    project.write_text('\n[models]\nchat = "theirs"\n[chat]\ntemperature = 1\n')
    monkeypatch.setenv("OLLAMA_HOST", "third:2")
    loaded = load_config(project.parent / "notebooks" / "deep")
    assert loaded.files == (own, project)
    assert loaded.config.models.chat == "theirs"
    assert loaded.config.models.completion == "mine"
    assert loaded.config.chat.temperature == 1
    assert loaded.config.server.url == "http://third:2"
    assert loaded.sources["models.chat"] == f"{project}:3"
    assert loaded.sources["models.completion"] == f"{own}:5"
    assert loaded.sources["chat.temperature"] == f"{project}:5"
    assert loaded.sources["server.url"] == "OLLAMA_HOST"
    assert loaded.sources["models.embedding"] == "default"


def test_our_own_ollama_host_does_not_count(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text('[server]\nurl = "mine:1"\n')
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:11435")
    monkeypatch.setenv("LOCAL_ASSISTANT_ENV", "OLLAMA_API_BASE, OLLAMA_HOST")
    assert load_config().config.server.url == "http://mine:1"
    monkeypatch.setenv("LOCAL_ASSISTANT_ENV", "OLLAMA_API_BASE")
    assert load_config().config.server.url == "http://127.0.0.1:11435"


@pytest.mark.parametrize("table", ["server", "engine"])
def test_a_project_may_not_redirect_code(own: Path, project: Path, table: str) -> None:
    key = {"server": 'url = "http://evil"', "engine": 'models_dir = "/evil"'}[table]
    project.write_text(f"[models]\nprset = 1\n[{table}]\n{key}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(project.parent)
    unknown, refused = caught.value.problems
    assert unknown.key == "models.prset"
    assert (refused.file, refused.line, refused.key) == (project, 3, table)
    assert "only in your own (~/jupyter/assistant.toml)" in refused.text
    assert "where your code is sent" in refused.text


def test_a_project_may_not_give_tools(own: Path, project: Path) -> None:
    project.write_text("[chat]\ntemperature = 1\ntools = true\n")
    with pytest.raises(ConfigError) as caught:
        load_config(project.parent)
    (refused,) = caught.value.problems
    assert (refused.file, refused.line, refused.key) == (project, 3, "chat.tools")
    assert "only in your own (~/jupyter/assistant.toml)" in refused.text
    own.write_text("[chat]\ntools = true\n")
    project.write_text("[chat]\ntemperature = 1\n")
    assert load_config(project.parent).config.chat.tools


def test_the_nearest_project_file_counts(own: Path, project: Path) -> None:
    project.write_text('[models]\nchat = "outer"\n')
    inner = project.parent / "notebooks" / "assistant.toml"
    inner.write_text('[models]\nchat = "inner"\n')
    assert load_config(inner.parent / "deep").config.models.chat == "inner"
    assert load_config(project.parent).config.models.chat == "outer"
    assert load_config(project.parent.parent).config.models.chat is None


def test_the_users_own_file_is_no_project_file(own: Path, home: Path) -> None:
    own.write_text('[server]\nkind = "embedded"\n')
    notebooks = own.parent / "notebooks"
    notebooks.mkdir()
    loaded = load_config(notebooks)
    assert loaded.config.server.kind == "embedded"
    assert loaded.files == (own,)
    link = home / "link"
    link.mkdir()
    (link / "assistant.toml").symlink_to(own)
    assert load_config(link).config.server.kind == "embedded"


def test_another_users_project_file_does_not_count(project: Path) -> None:
    project.write_text('[models]\nchat = "theirs"\n')
    notebooks = project.parent / "notebooks"
    assert project_file(notebooks) == project
    if os.geteuid() != 0:  # only root can give files away; the rule itself needs no root
        return
    os.chown(project, 4321, -1)
    assert project_file(notebooks) is None
    os.chown(notebooks, 4321, -1)
    assert project_file(notebooks) == project


def test_problems_of_both_files_are_reported_together(own: Path, project: Path) -> None:
    own.write_text("[models]\na = 1\n")
    project.write_text("[chat]\nb = 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(project.parent)
    assert [problem.file for problem in caught.value.problems] == [own, project]
    assert "line 2 of ~/jupyter/assistant.toml" in (caught.value.fix or "")


def test_paths_are_relative_to_their_file(own: Path, project: Path) -> None:
    own.write_text('[models]\ncompletion = "m/own.gguf"\n[engine]\nmodels_dir = "store"\n')
    project.write_text('[models]\nchat = "m/theirs.GGUF"\nembedding = "hf.co/u/r:model.gguf"\n')
    config = load_config(project.parent / "notebooks").config
    assert config.models.chat == str(project.parent / "m" / "theirs.GGUF")
    assert config.models.completion == str(own.parent / "m" / "own.gguf")
    assert config.models.embedding == "hf.co/u/r:model.gguf"
    assert config.engine.models_dir == str(own.parent / "store")
    own.write_text('[engine]\nmodels_dir = "~/store"\n')
    assert load_config().config.engine.models_dir == str(Path.home() / "store")


OUTSIDE = (
    "/etc/model.gguf", "~/model.gguf", "../model.gguf", "a/../../model.gguf", "link/model.gguf",
    r"\\\\far.example\\share\\model.gguf", "//far.example/share/model.gguf", r"C:\\model.gguf",
    r"..\\model.gguf",
)  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_project_names_no_file_outside_of_its_folder(
    own: Path, project: Path, tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    (project.parent / "link").symlink_to(tmp_path_factory.mktemp("outside"))
    project.write_text(f'[chat]\ntemperature = 1\n[models]\nembedding = "{path}"\n')
    with pytest.raises(ConfigError) as caught:
        load_config(project.parent)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == (project, 4, "models.embedding")
    own.write_text(project.read_text().replace("embedding", "chat"))
    project.unlink()
    assert load_config(project.parent).config.models.chat  # the user may


def test_it_is_known_which_models_a_project_names(own: Path, project: Path) -> None:
    own.write_text('[models]\nchat = "a"\ncompletion = "b"\n')
    project.write_text('[models]\ncompletion = "c"\n')
    config = load_config(project.parent).config
    assert config.named_by_a_project("completion")
    assert not config.named_by_a_project("chat")
    assert not load_config().config.named_by_a_project("completion")


@pytest.mark.parametrize(
    ("written", "meant", "in_seconds"),
    [
        ('"30m"', "30m", 1800),
        ('"1h30m"', "1h30m", 5400),
        ('"-1"', "-1s", math.inf),
        ("-1", "-1s", math.inf),
        ("0", "0s", 0),
        ('"0"', "0s", 0),
        ("300", "300s", 300),
        ('"1.5h"', "1.5h", 5400),
        ('"500ms"', "500ms", 0.5),
        ('"-5m"', "-5m", math.inf),
    ],
)
def test_durations(own: Path, written: str, meant: str, in_seconds: float) -> None:
    own.write_text(f"[server]\nkeep_alive = {written}\n")
    keep_alive = load_config().config.server.keep_alive
    assert keep_alive == meant
    assert seconds(keep_alive) == in_seconds


@pytest.mark.parametrize("written", ["", "5", "m", "1d", "1h 30m", "h1", "1h-30m"])
def test_no_durations(written: str) -> None:
    if written == "5":  # a plain number is one: seconds
        assert seconds(written) == 5
    else:
        with pytest.raises(ValueError, match="duration"):
            seconds(written)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("host:1234", "http://host:1234"),
        ("host:0", "http://host:11434"),
        ("host:66000", "http://host:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("http://h", "http://h:80"),
        ("https://h", "https://h:443"),
        ("https://h:8443/ollama/", "https://h:8443/ollama"),
        ("HTTP://Host:1/", "http://Host:1"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("ollama.com", "https://ollama.com:443"),
        (' "127.0.0.1:11434" ', "http://127.0.0.1:11434"),
    ],
)
def test_every_form_of_ollama_host(value: str, url: str) -> None:
    assert base_url(value) == url


@pytest.mark.parametrize(
    "value", ["a b", "ftp://h", "h:port", "[::g]:1", "http://h?x", "a@b", "-h"]
)
def test_no_addresses(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        base_url(value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:1", True),
        ("http://localhost:1/x", True),
        ("http://192.168.0.5:1", False),
        ("https://ollama.com:443", False),
        ("http://127.0.0.1.evil.example:80", False),
    ],
)
def test_what_is_on_this_machine(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_watcher_sees_edits_and_keeps_the_last_good(own: Path) -> None:
    watcher = ConfigWatcher()
    assert watcher.current().config.models.chat is None
    own.write_text('[models]\nchat = "aa"\n')
    assert watcher.current().config.models.chat == "aa"
    own.write_text('[models]\nchat = "bb"\n')  # same size, within one tick of the clock
    os.utime(own, ns=(1, 1))
    assert watcher.current().config.models.chat == "bb"
    own.write_text("[models]\nprset = 1\n")
    assert watcher.current().config.models.chat == "bb"
    assert watcher.problem is not None
    assert watcher.problem.problems[0].line == 2
    own.write_text('[models]\nchat = "cc"\n')
    assert watcher.current().config.models.chat == "cc"
    assert watcher.problem is None
    own.unlink()
    assert watcher.current().config.models.chat is None


def test_watcher_starting_on_a_broken_file(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text("[[")
    monkeypatch.setenv("OLLAMA_HOST", "there:1")
    watcher = ConfigWatcher()
    assert watcher.current().config.server.url == "http://there:1"
    assert watcher.problem is not None


def test_watcher_reads_once_while_nothing_changes(own: Path, project: Path) -> None:
    own.write_text("")
    watcher = ConfigWatcher(project.parent)
    first = watcher.current()
    assert watcher.current() is first
    project.write_text('[models]\nchat = "new"\n')
    assert watcher.current().config.models.chat == "new"


def test_watcher_from_many_threads(own: Path) -> None:
    own.write_text('[models]\nchat = "a"\n')
    watcher = ConfigWatcher()
    seen: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: seen.append(watcher.current().config.models.chat))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["a"] * 8
