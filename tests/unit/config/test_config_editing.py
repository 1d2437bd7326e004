"""assistant.toml is changed in place, in one step, and never left broken."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest

from local_assistant.config import (
    TEMPLATE,
    AssistantConfig,
    ConfigError,
    keys,
    load_config,
    set_value,
    write_template,
)
from local_assistant.config.reading import check_text
from local_assistant.errors import AssistantError

SAMPLE = """\
# my file
[models]  # which
# chat = "example"
preset = "small"   # fits

# --- the chat ---
[chat]
temperature = 0.5
"""


@pytest.fixture
def own(home: Path) -> Path:
    path = home / "jupyter" / "assistant.toml"
    path.parent.mkdir()
    return path


def test_template_is_the_schema(home: Path) -> None:
    lines = [re.sub(r"^# ?(?=[a-z_]+ = |\[presets)", "", line) for line in TEMPLATE.splitlines()]
    content = check_text("\n".join(lines), home / "assistant.toml")
    mine = [f"presets.mine.{key}" for key in ("summary", "chat", "completion", "embedding")]
    assert list(content.lines) == [*keys(), "presets.mine", *mine]
    config = AssistantConfig.model_validate(content.tables)
    for name in keys():
        table, _, key = name.partition(".")
        default = getattr(getattr(AssistantConfig(), table), key)
        if default is not None:
            assert getattr(getattr(config, table), key) == default, name


def test_template_as_it_is_changes_nothing(own: Path) -> None:
    assert write_template() is True
    assert load_config().config == AssistantConfig()
    own.write_text("# mine\n")
    assert write_template() is False
    assert own.read_text() == "# mine\n"


def test_template_lines_fit_a_screen() -> None:
    assert max(len(line) for line in TEMPLATE.splitlines() if "system_prompt" not in line) <= 100


def test_changing_a_value_keeps_everything_else(own: Path) -> None:
    own.write_text(SAMPLE)
    assert set_value("models.preset", "large") == own
    assert own.read_text() == SAMPLE.replace('"small"', '"large"')


def test_a_new_line_goes_below_its_commented_example(own: Path) -> None:
    own.write_text(SAMPLE)
    set_value("models.chat", "qwen2.5-coder:1.5b")
    assert own.read_text() == SAMPLE.replace(
        '# chat = "example"\n', '# chat = "example"\nchat = "qwen2.5-coder:1.5b"\n'
    )
    assert load_config().sources["models.chat"] == f"{own}:4"


def test_a_new_line_goes_below_the_tables_last(own: Path) -> None:
    own.write_text(SAMPLE)
    set_value("models.embedding", "e")
    assert own.read_text() == SAMPLE.replace("# fits\n", '# fits\nembedding = "e"\n')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[models]\nchat = "x"\n'),
        ("[chat]", '[chat]\n\n[models]\nchat = "x"\n'),
        ("[models]", '[models]\nchat = "x"\n'),
        ('models = {preset = "demo"}\n', 'models = {preset = "demo",chat = "x"}\n'),
        ('models.preset = "demo"\n', 'models.preset = "demo"\nmodels.chat = "x"\n'),
        ('[models]\npreset = "demo"', '[models]\npreset = "demo"\nchat = "x"\n'),
        ("[chat]\nsystem_prompt = '''\n[models]\n'''\n[models]\n", None),
    ],
)
def test_shapes_of_a_file(own: Path, before: str, after: str | None) -> None:
    own.write_text(before)
    set_value("models.chat", "x")
    assert own.read_text() == (after if after is not None else before + 'chat = "x"\n')
    assert load_config().config.models.chat == "x"


def test_every_setting_can_be_set_in_the_template(own: Path) -> None:
    values = AssistantConfig().model_dump()
    examples = {
        "models.chat": "a",
        "models.completion": "b",
        "models.embedding": "c",
        "chat.context_tokens": 512,
        "chat.temperature": 0.5,
        "chat.max_tokens": 5,
        "engine.models_dir": "/m",
        "engine.threads": 1,
        "engine.gpu_layers": 3,
    }
    for name in keys():
        table, _, key = name.partition(".")
        set_value(name, examples.get(name, values[table][key]))
    loaded = load_config()
    assert "default" not in loaded.sources.values()
    assert loaded.config.chat.temperature == 0.5
    comments = [line for line in TEMPLATE.splitlines() if line.startswith("#")]
    assert [line for line in own.read_text().splitlines() if line.startswith("#")] == comments


def test_none_takes_a_setting_out(own: Path) -> None:
    own.write_text(SAMPLE)
    set_value("models.preset", None)
    set_value("models.chat", None)
    assert own.read_text() == SAMPLE.replace('preset = "small"   # fits\n', "")


def test_crlf_and_bom_stay(own: Path) -> None:
    own.write_bytes(b"\xef\xbb\xbf" + SAMPLE.replace("\n", "\r\n").encode())
    set_value("models.preset", "demo")
    set_value("models.embedding", "e")
    set_value("engine.port", 5000)
    raw = own.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf# my file\r\n")
    assert b'embedding = "e"\r\n' in raw
    assert raw.endswith(b"\r\n[engine]\r\nport = 5000\r\n")
    assert not re.search(rb"(?<!\r)\n", raw)


def test_links_and_modes_stay(own: Path, home: Path) -> None:
    dotfiles = home / "dotfiles" / "assistant.toml"
    dotfiles.parent.mkdir()
    dotfiles.write_text(SAMPLE)
    dotfiles.chmod(0o640)
    own.symlink_to(dotfiles)
    set_value("models.preset", "demo")
    assert own.is_symlink()
    assert '"demo"' in dotfiles.read_text()
    assert stat.S_IMODE(dotfiles.stat().st_mode) == 0o640
    assert [entry.name for entry in dotfiles.parent.iterdir()] == ["assistant.toml"]


def test_the_owner_stays(own: Path) -> None:
    own.write_text(SAMPLE)
    owner = 4321 if os.geteuid() == 0 else os.geteuid()
    os.chown(own, owner, -1)
    set_value("models.preset", "demo")
    assert own.stat().st_uid == owner


def test_a_missing_file_is_made_from_the_template(home: Path) -> None:
    path = set_value("models.preset", "demo")
    assert path == home / "jupyter" / "assistant.toml"
    assert path.read_text() == TEMPLATE.replace('preset = "auto"', 'preset = "demo"')


def test_a_broken_file_is_left_alone(own: Path) -> None:
    own.write_text("[models]\nprset = 1\n")
    with pytest.raises(ConfigError, match="line 2"):
        set_value("models.chat", "x")
    assert own.read_text() == "[models]\nprset = 1\n"
    own.write_text("[models\n")
    with pytest.raises(ConfigError, match="line 1"):
        set_value("models.chat", "x")
    assert own.read_text() == "[models\n"


@pytest.mark.parametrize(
    "text", ["[models]\nchat = 'a'\nchat = 'b'\n", "[models]\nchat.x = 1\nchat = 2\n"]
)
def test_a_setting_that_stands_there_twice_is_not_mended_by_a_guess(own: Path, text: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError, match=r"line 3: models\.chat is set twice"):
        set_value("models.chat", "c")
    assert own.read_text() == text


def test_the_wrong_setting_itself_can_be_mended(own: Path) -> None:
    own.write_text('[models]\npreset = "smal"\n')
    set_value("models.preset", "small")
    assert own.read_text() == '[models]\npreset = "small"\n'


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("models.preset", "smal", 'Did you mean "small"?'),
        ("completion.max_tokens", "64", "a whole number"),
        ("server.keep_alive", "soon", '"30m"'),
    ],
)
def test_a_wrong_value_changes_nothing(own: Path, key: str, value: object, words: str) -> None:
    own.write_text(SAMPLE)
    with pytest.raises(ConfigError) as caught:
        set_value(key, value)
    assert words in caught.value.message
    assert "Nothing was changed" in (caught.value.fix or "")
    assert own.read_text() == SAMPLE


def test_an_unknown_setting_is_refused(own: Path) -> None:
    with pytest.raises(AssistantError, match=r'Did you mean "models\.preset"'):
        set_value("models.prset", "small")
    assert not own.exists()


def test_a_project_file_is_held_to_its_rules(own: Path, home: Path) -> None:
    project = home / "p" / "assistant.toml"
    set_value("models.chat", "x", path=project)
    assert project.read_text() == '[models]\nchat = "x"\n'
    with pytest.raises(ConfigError, match="may not be set in a project's file"):
        set_value("server.kind", "embedded", path=project)
    assert project.read_text() == '[models]\nchat = "x"\n'


def test_a_relative_gguf_means_the_current_folder(
    own: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    set_value("models.chat", "my model.gguf")
    assert load_config().config.models.chat == str(home / "my model.gguf")


def test_a_change_by_another_process_is_not_lost(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text(SAMPLE)
    make = tempfile.mkstemp

    def slowly(**options: Any) -> tuple[int, str]:
        monkeypatch.setattr(tempfile, "mkstemp", make)
        own.write_text(SAMPLE.replace("small", "large"))
        return make(**options)

    monkeypatch.setattr(tempfile, "mkstemp", slowly)
    set_value("chat.temperature", 1.0, own)
    assert own.read_text() == SAMPLE.replace("small", "large").replace("0.5", "1.0")
    assert [path.name for path in own.parent.iterdir()] == [own.name]


def test_a_place_that_cannot_be_written(home: Path) -> None:
    (home / "jupyter").write_text("a file where the folder should be")
    with pytest.raises(AssistantError, match="Cannot write"):
        set_value("models.preset", "demo")
    with pytest.raises(AssistantError, match="Cannot write") as caught:
        write_template()
    assert "LOCAL_ASSISTANT_CONFIG" in (caught.value.fix or "")
