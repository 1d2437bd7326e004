"""Jupyter's files: layers of settings, extensions that are off, other completers, drop-ins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from local_assistant import __version__
from local_assistant.errors import AssistantError
from local_assistant.setup.doctor import Failing, jupyter, labfiles
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.dropins import OWN_FILES

OURS = "jupyter-local-assistant"


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data))


class Tree:
    """A user's folder and an environment's, where Jupyter looks in this order."""

    def __init__(self, root: Path) -> None:
        self.user, self.system = root / "user", root / "system"

    def data(self, name: str) -> list[Path]:
        return [self.user / "share" / name, self.system / "share" / name]

    def extension(self, name: str, version: str = __version__, **lab: Any) -> Path:
        folder = self.system / "share" / "labextensions" / name
        write(folder / "package.json", {"name": name, "version": version, "jupyterlab": lab})
        return folder

    def page(self, where: Path, **rules: Any) -> Path:
        file = where / "labconfig" / "page_config.json"
        write(file, rules)
        return file


@pytest.fixture
def tree(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    found = Tree(tmp_path / "tree")
    monkeypatch.setattr(labfiles, "config_folders", lambda: [found.user, found.system])
    monkeypatch.setattr(labfiles, "data_folders", found.data)
    found.extension(OURS)
    return found


def switch(where: Path, on: bool) -> None:
    setting = {"ServerApp": {"jpserver_extensions": {"local_assistant.lab.extension": on}}}
    write(where / "jupyter_server_config.d" / "jupyter-local-assistant.json", setting)


def test_the_server_extension(tree: Tree) -> None:
    with pytest.raises(Failing, match="No file of Jupyter's names") as caught:
        jupyter.check_server_extension(Readings())
    assert caught.value.fix == jupyter.AGAIN
    switch(tree.system, True)
    assert str(tree.system) in jupyter.check_server_extension(Readings())
    switch(tree.user, False)
    with pytest.raises(Failing, match=f"switched off in {tree.user}") as caught:
        jupyter.check_server_extension(Readings())
    enable = "jupyter server extension enable --user local_assistant.lab.extension"
    assert caught.value.fix == enable


def test_the_servers_own_list_wins_over_every_drop_in(tree: Tree) -> None:
    off = {"ServerApp": {"jpserver_extensions": {"local_assistant.lab.extension": False}}}
    write(tree.system / "jupyter_server_config.json", off)
    switch(tree.system, True)
    switch(tree.user, True)
    with pytest.raises(Failing, match="is switched off in") as caught:
        jupyter.check_server_extension(Readings())
    # The command would write a drop-in, which changes nothing.
    assert str(caught.value.fix).startswith("Take ")
    assert str(tree.system / "jupyter_server_config.json") in str(caught.value.fix)
    # The first list counts alone, as for Jupyter.
    write(tree.user / "jupyter_server_config.json", {"ServerApp": {"jpserver_extensions": {}}})
    assert str(tree.user) in jupyter.check_server_extension(Readings())


def test_our_own_drop_in_gives_way_to_jupyters_command() -> None:
    """Which writes NAME.json: of two in one folder, the one that sorts last wins."""
    ours = next(Path(name).name for name in OWN_FILES if "jupyter_server_config.d" in name)
    assert ours < f"{jupyter.SERVER_EXTENSION}.json"


def test_our_lab_extension(tree: Tree) -> None:
    assert jupyter.check_lab_extension(Readings()) == f"{OURS} {__version__}"
    tree.extension(OURS, "0.0.1")
    with pytest.raises(Failing, match=r"is of version 0\.0\.1") as caught:
        jupyter.check_lab_extension(Readings())
    assert "--force-reinstall" in (caught.value.fix or "")
    shutil.rmtree(tree.system / "share")
    with pytest.raises(Failing, match="has no extension"):
        jupyter.check_lab_extension(Readings())


@pytest.mark.parametrize(
    "rule",
    [
        OURS,
        f"{OURS}:ghost-text",
        "@jupyterlab/completer-extension",
        "@jupyterlab/completer-extension:inline-completer",
    ],
)
def test_what_is_disabled_is_named_with_the_command(tree: Tree, rule: str) -> None:
    file = tree.page(tree.user, disabledExtensions={rule: True, "another": True})
    with pytest.raises(Failing, match="is disabled in") as caught:
        jupyter.check_lab_extension(Readings())
    assert str(file) in caught.value.message
    assert caught.value.fix == f"jupyter labextension enable {rule}"
    # A user's file takes back what the system's says.
    tree.page(tree.system, disabledExtensions=[rule])
    tree.page(tree.user, disabledExtensions={rule: False})
    assert jupyter.check_lab_extension(Readings()).startswith(OURS)


def test_an_extension_that_disables_ours(tree: Tree) -> None:
    tree.extension("jealous", disabledExtensions=[OURS])
    with pytest.raises(Failing, match="disabled in the extension jealous"):
        jupyter.check_lab_extension(Readings())
    tree.page(tree.user, disabledExtensions={"jealous": True})
    assert jupyter.check_lab_extension(Readings()).startswith(OURS)


def test_locked_is_a_remark(tree: Tree) -> None:
    tree.page(tree.system, lockedExtensions={OURS: True})
    assert "locked" in jupyter.check_lab_extension(Readings())


def test_other_completers_are_named_and_do_not_fail(tree: Tree) -> None:
    assert jupyter.check_completers(Readings()) == "ours alone"
    write(tree.extension("@x/copilot") / "static" / "a.js", "t.registerInlineProvider(p)")
    write(tree.extension("innocent") / "static" / "a.js", "nothing")
    assert jupyter.check_completers(Readings()).startswith("@x/copilot can write ghost text, too")
    tree.page(tree.user, disabledExtensions={"@x/copilot": True})
    assert jupyter.check_completers(Readings()) == "ours alone"


def test_the_level_of_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(labfiles.sys, "prefix", str(tmp_path))
    assert labfiles.level_of(str(tmp_path / "etc/jupyter/x.json")) == "sys_prefix"
    assert labfiles.level_of("/usr/local/etc/jupyter/labconfig/page_config.json") == "system"
    assert labfiles.level_of("/home/me/.jupyter/labconfig/page_config.json") == ""


def test_broken_files_count_as_empty(tree: Tree) -> None:
    write(tree.user / "labconfig" / "page_config.json", "{broken")
    write(tree.system / "share" / "labextensions" / "odd" / "package.json", "[]")
    assert labfiles.disabled(labfiles.extensions()) == {}


@pytest.fixture
def prefix(tmp_path: Path, home: Path) -> Path:
    folder = tmp_path / "prefix"
    for name in OWN_FILES:
        write(folder / name, "")
    return folder


def test_drop_ins_that_are_missing(prefix: Path) -> None:
    (prefix / OWN_FILES[0]).unlink()
    with pytest.raises(Failing, match="of our files are missing") as caught:
        jupyter.check_drop_ins(Readings(prefix=prefix))
    assert "--force-reinstall" in (caught.value.fix or "")


def test_keys_that_are_missing_are_written(prefix: Path) -> None:
    with pytest.raises(Failing, match=r"Not set: .*default_persona_id") as caught:
        jupyter.check_drop_ins(Readings(prefix=prefix))
    assert caught.value.fix == "jupyter assistant install"
    assert caught.value.safe_fix is not None
    caught.value.safe_fix()
    assert f"{len(OWN_FILES)} files" in jupyter.check_drop_ins(Readings(prefix=prefix))


def test_what_the_user_has_set_is_said_and_left(prefix: Path) -> None:
    shared = prefix / "etc/jupyter/jupyter_jupyter_ai_persona_manager_config.json"
    write(shared, {"PersonaManager": {"default_persona_id": "mine"}})
    with pytest.raises(Failing) as caught:
        jupyter.check_drop_ins(Readings(prefix=prefix))
    assert "default_persona_id" not in caught.value.message
    assert caught.value.safe_fix is not None
    caught.value.safe_fix()
    said = jupyter.check_drop_ins(Readings(prefix=prefix))
    assert "left as you set it: PersonaManager.default_persona_id" in said
    assert json.loads(shared.read_text())["PersonaManager"]["default_persona_id"] == "mine"


def test_a_broken_shared_file(prefix: Path) -> None:
    write(prefix / "etc/jupyter/jupyter_jupyter_ai_persona_manager_config.json", "{broken")
    with pytest.raises(AssistantError, match="persona_manager_config"):
        jupyter.check_drop_ins(Readings(prefix=prefix))
