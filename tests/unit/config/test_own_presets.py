"""``[presets.NAME]``: what it may hold, who may define one, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.cli.commands.config import settings_of
from local_assistant.config import ConfigError, load_config, set_value
from local_assistant.errors import AssistantError
from local_assistant.lab.completion import settings

MINE = '[presets.mine]\nchat = "a:7b"\ncompletion = "b"\nembedding = "./vectors.gguf"\n'


@pytest.fixture
def own(home: Path) -> Path:
    path = paths.user_config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_preset_of_ones_own(own: Path) -> None:
    own.write_text(f'[models]\npreset = "mine"\n\n{MINE}memory_gb = 8\n')
    loaded = load_config()
    mine = loaded.config.presets["mine"]
    assert (loaded.config.models.preset, mine.chat, mine.memory_gb) == ("mine", "a:7b", 8)
    # A path lies beside the file, as under [models].
    assert mine.embedding == str(own.parent / "vectors.gguf")
    shown = {item["key"]: (item["value"], item["source"]) for item in settings_of(loaded)}
    assert shown["presets.mine.chat"] == ("a:7b", f"{own}:5")
    assert shown["presets.mine.memory_gb"] == (8, f"{own}:8")
    assert shown["presets.mine.summary"] == ("", "default")
    assert shown["models.preset"] == ("mine", f"{own}:2")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[models]\npreset = "mime"\n' + MINE, 2, '[models] preset is "mime"; expected one of '
         '"auto", "demo", "small", "medium", "large", "mine". Did you mean "mine"?'),
        (MINE.replace("mine", "small"), 1, "[presets.small]: the assistant has a preset of that"),
        (MINE.replace("mine", '"a b"'), 1, '[presets] "a b" is no name; expected a name of'),
        ('\n[presets.x]\nchat = "a"\ncompletion = "b"\n', 2, "[presets.x] has no embedding; expec"),
        (MINE + "memory = 3\n", 5, "[presets.mine] memory is not a setting. Did you mean"),
        (MINE + "memory_gb = -3\n", 5, "[presets.mine] memory_gb is -3; expected a number from 0"),
        (MINE + "summary = 3\n", 5, "[presets.mine] summary is 3; expected a text in quotes."),
        (MINE.replace('"a:7b"', '" "'), 2, '[presets.mine] chat is " "; expected a model name'),
        ("presets = 3\n", 1, "presets is 3; expected a table that starts with the line [presets]"),
        ("[presets]\nmine = 3\n", 2, "presets.mine is 3; expected a table that starts with"),
        ("[preset.mine]\nchat = 3\n", 1, "[preset] is not a table of settings. Did you mean [pre"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_line(own: Path, text: str, line: int, words: str) -> None:
    own.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config()
    found = [(problem.line, problem.text) for problem in caught.value.problems]
    assert any(at == line and said.startswith(words) for at, said in found), found


def test_a_project_names_one_but_defines_none(own: Path, tmp_path: Path) -> None:
    own.write_text(MINE)
    project = tmp_path / "project" / "assistant.toml"
    project.parent.mkdir()
    project.write_text('[models]\npreset = "mine"\n')
    assert load_config(project.parent).config.models.preset == "mine"
    project.write_text(MINE.replace("mine", "theirs"))
    with pytest.raises(ConfigError) as caught:
        load_config(project.parent)
    (problem,) = caught.value.problems
    assert problem.line == 1
    assert problem.text.startswith("[presets] may not be set in a project's file")


def test_changing_the_preset_in_place(own: Path) -> None:
    own.write_text(f"# kept\n{MINE}")
    set_value("models.preset", "mine")
    assert own.read_text() == f'# kept\n{MINE}\n[models]\npreset = "mine"\n'
    with pytest.raises(ConfigError, match='Did you mean "mine"') as caught:
        set_value("models.preset", "mines")
    assert caught.value.fix == "Nothing was changed; give another value."
    set_value("models.preset", "small")
    assert load_config().config.models.preset == "small"
    with pytest.raises(AssistantError, match=r"presets\.mine is not a setting"):
        set_value("presets.mine", "x")


def test_a_projects_file_is_edited_with_it(own: Path, tmp_path: Path) -> None:
    own.write_text(MINE)
    project = tmp_path / "project" / "assistant.toml"
    project.parent.mkdir()
    set_value("models.preset", "mine", project)
    assert load_config(project.parent).config.models.preset == "mine"


def test_the_settings_panel_offers_it(own: Path) -> None:
    own.write_text(MINE)
    about = settings.describe()["values"]["models.preset"]
    assert about["kind"] == "choice"
    assert about["choices"] == ["auto", "demo", "small", "medium", "large", "mine"]
