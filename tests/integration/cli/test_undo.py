"""What a whole session writes is what the page of changes names, and uninstall takes it back.

A session here: install, the smoke test with its kernel, a chat with ``/learn``, a model from a
file, one made from a Modelfile, a swap; in an environment and a home of its own, with Jupyter's
and IPython's folders where they are by default. Everything below both is compared, byte by byte.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local_assistant.engine import runfile
from local_assistant.setup.changes import CHANGES, by_id
from tests import trees, unprivileged
from tests.figures import Figures
from tests.integration.cli.conftest import ROOT, Assistant, alive, fill
from tests.integration.engine import talking_gguf
from tests.trees import Tree

CHAT = """
import asyncio, sys
from pathlib import Path
from tests.integration.lab.room import room_in

async def main():
    async with room_in(Path(sys.argv[1])) as room:
        for question in ("Who are you?", "/learn docs", "/ask When is the gauge read?"):
            print(await room.ask(question))

asyncio.run(main())
"""
_MOVED = (
    "LOCAL_ASSISTANT_HOME",
    "LOCAL_ASSISTANT_CONFIG",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
    "XDG_CONFIG_HOME",
)
OUR_NAMES = ("PREFIX", "DATA", "JUPYTER_CONFIG", "JUPYTER_DATA", "IPYTHON")
ELSEWHERE = {
    "DATA/state/ollama.json": "test_cli_install.py",
    "DATA/downloads/": "test_pull_hub.py",
    "IPYTHON/profile_default/startup/zz-local-assistant.py": "test_hub.py",
}
"""Named by the page and written in tests of their own, which look for it."""


@dataclass
class Person(Assistant):
    """Somebody with one environment and an ordinary home; what the commands wrote is gathered."""

    work: Path = Path()
    before: Tree = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @property
    def data(self) -> Path:
        return self.home / ".local" / "share" / "jupyter-local-assistant"

    @property
    def config(self) -> Path:
        return self.home / ".jupyter" / "assistant.toml"

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment().items() if name not in _MOVED}

    def look(self) -> Tree:
        return trees.look(self.home, self.prefix)

    def do(self, *arguments: str) -> dict[str, Any]:
        """Run a command; keep in mind what is there afterwards that was not at the beginning."""
        done = self.run(*arguments, "--json", cwd=self.work)
        assert done.code == 0, done.out + done.err
        self.gather()
        return done.json

    def gather(self) -> None:
        for line in trees.changed(self.before, self.look()):
            path = Path(line.partition(" ")[2])
            if not path.is_dir() or path.parent == self.data / "folders":
                self.seen.add(self.named(path))

    def named(self, path: Path) -> str:
        """Return a path as the page writes it."""
        places = (
            self.prefix,
            self.data,
            self.home / ".jupyter",
            self.home / ".local" / "share" / "jupyter",
            self.home / ".ipython",
        )
        for name, place in zip(OUR_NAMES, places, strict=True):
            if path.is_relative_to(place):
                return f"{name}/{path.relative_to(place).as_posix()}"
        return str(path)

    def chat(self) -> str:
        docs = self.work / "docs"
        docs.mkdir(exist_ok=True)
        (docs / "rain.md").write_text("# Rain\n\nThe gauge is read at seven in the morning.\n")
        done = subprocess.run(
            [sys.executable, "-c", CHAT, str(self.work)],
            env={**self.environment(), "PYTHONPATH": str(ROOT)},
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        self.gather()
        return done.stdout


def person_at(folder: Path, **env: str) -> Person:
    home, prefix, work = (folder / name for name in ("home", "environment", "work"))
    for each in (home, work):
        each.mkdir(parents=True)
    fill(prefix)
    shared = prefix / "etc/jupyter/jupyter_jupyter_ai_persona_manager_config.json"
    shared.write_bytes(b'{"PersonaManager":\r\n  {"other": [1,2]}}')
    shared.chmod(0o640)
    variables = {"HOME": str(home), "USERPROFILE": str(home), "NO_COLOR": "1", **env}
    person = Person(home, prefix, variables, work)
    person.before = person.look()
    return person


def with_jupyternaut(folder: Path) -> str:
    """Return a folder for PYTHONPATH by which Jupyternaut counts as installed."""
    metadata = folder / "jupyter_ai_jupyternaut-9.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: jupyter-ai-jupyternaut\nVersion: 9.0\n")
    return str(folder)


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    made = person_at(tmp_path, PYTHONPATH=with_jupyternaut(tmp_path / "packages"))
    yield made
    made.run("stop")


def covers(pattern: str, path: str) -> bool:
    return path == pattern or (pattern.endswith("/") and path.startswith(pattern))


def change_of(path: str) -> list[str]:
    """Return which changes of the page a path belongs to."""
    return [change.id for change in CHANGES if any(covers(each, path) for each in change.paths)]


def session(person: Person) -> None:
    """Use every part that writes."""
    person.do("install")
    person.do("smoke")
    person.chat()
    model = talking_gguf.write(person.work / "talking.gguf", ("Yes.",))
    person.do("pull", str(model))
    modelfile = person.work / "Modelfile"
    modelfile.write_text("FROM assistant-demo\nPARAMETER temperature 0.1\n")
    person.do("create", "mine", "-f", str(modelfile))
    person.do("use", "mine")
    person.run("doctor")
    person.gather()


def test_a_session_writes_what_the_page_names_and_uninstall_takes_it_back(
    person: Person, figures: Figures
) -> None:
    session(person)
    unnamed = sorted(path for path in person.seen if not change_of(path))
    assert unnamed == []
    patterns = [path for change in CHANGES if change.id != "package" for path in change.paths]
    unseen = {each for each in patterns if not any(covers(each, path) for path in person.seen)}
    here = {each for each in unseen if not each.startswith("JUPYTER_CONFIG/jupyter")}
    assert here == set(ELSEWHERE)

    kept_models = trees.look(person.data / "models")
    listed = person.do("uninstall", "--dry-run")["items"]
    says_where(person, listed)
    done = person.do("uninstall")["items"]
    assert done == listed
    kept = {item["what"] for item in done if item["action"] == "kept"}
    assert {str(person.config), str(person.data / "models")} <= kept
    left = left_over(person, kept)
    assert left == ([], 0)
    figures("bytes different after install, a session and uninstall", left[1], 0, left[1] == 0)
    ours = [path for path in trees.look(person.data / "models") if "assistant-" in path]
    assert ours == [], "names of ours"
    assert {path for path in kept_models if "talking" in path or "mine" in path} <= set(
        person.look()
    )

    done = person.do("uninstall", "--models")["items"]
    assert [item["id"] for item in done if item["action"] == "removed"] == ["models"]
    assert left_over(person, {str(person.config)}) == ([], 0)
    assert not person.data.parent.exists(), "the folders that were made for it"


def says_where(person: Person, items: list[dict[str, Any]]) -> None:
    """Every path that uninstall lists belongs to that very change."""
    for item in items:
        change = by_id(item["id"])
        named = person.named(Path(item["what"]))
        if named.startswith(OUR_NAMES) and named != "PREFIX/." and item["id"] != "package":
            assert any(each.startswith(named) or covers(each, named) for each in change.paths), item


def left_over(person: Person, kept: set[str]) -> tuple[list[str], int]:
    """Return what is different from the beginning, but for what uninstall said that it keeps."""

    def counts(tree: Tree) -> Tree:
        said = [Path(path) for path in kept if path != str(person.prefix)]
        return {
            path: entry
            for path, entry in tree.items()
            if not any(
                Path(path).is_relative_to(each) or each.is_relative_to(path) for each in said
            )
            and not Path(path).is_relative_to(person.data / "folders")
        }

    before, after = counts(person.before), counts(person.look())
    return trees.changed(before, after), trees.bytes_different(before, after)


def test_install_and_uninstall_alone_leave_nothing_at_all(person: Person) -> None:
    person.do("install")
    assert person.look() != person.before
    person.do("uninstall")
    assert trees.changed(person.before, person.look()) == []


def test_settings_are_taken_back_where_the_data_was_deleted_by_hand(person: Person) -> None:
    person.do("install")
    pid = person.do("status")["engine"]["pid"]
    person.run("stop")
    assert not alive(pid)
    subprocess.run(["rm", "-r", str(person.data)], check=True)
    person.do("uninstall")
    changed = trees.changed(person.before, person.look())
    # Who made these folders was recorded in what was deleted.
    empty = {person.home / name for name in (".jupyter", ".local", ".local/share")}
    empty |= {person.home / ".local/share/jupyter", person.home / ".local/share/jupyter/jupyter_ai"}
    assert {Path(line.partition(" ")[2]) for line in changed} <= empty
    assert all(line.startswith("new ") for line in changed)


def test_an_environment_of_somebody_else(person: Person) -> None:
    """As on a hub: its settings go into the user's own folder, which is said, and back."""
    with unprivileged.read_only(person.prefix):
        for number in range(2):
            done = person.run("install", "--json", first=unprivileged.give_up)
            assert done.code == 0, done.out + done.err
            (step,) = [each for each in done.json["steps"] if each["name"] == "settings"]
            assert step["changed"] is (number == 0)
            assert f"{person.prefix} cannot be written by you" in step["detail"]
        person.gather()
        written = {path for path in person.seen if path.startswith("JUPYTER_CONFIG/jupyter")}
        assert written == {
            path for path in by_id("settings").paths if path.startswith("JUPYTER_CONFIG/")
        }
        assert person.run("uninstall", first=unprivileged.give_up).code == 0
    assert trees.changed(person.before, person.look()) == []


def test_what_the_owner_of_an_environment_has_set_is_not_set_again(person: Person) -> None:
    """Nor undone by somebody who may not write there."""
    person.do("install")  # by the owner, here with the same home
    shared = trees.look(person.prefix)
    person.run("stop")
    subprocess.run(["rm", "-r", str(person.home)], check=True)
    person.home.mkdir()
    with unprivileged.read_only(person.prefix):
        done = person.run("install", "--json", first=unprivileged.give_up)
        (step,) = [each for each in done.json["steps"] if each["name"] == "settings"]
        assert not step["changed"]
        assert not (person.home / ".jupyter" / "jupyter_server_config.d").exists()
        done = person.run("uninstall", "--json", first=unprivileged.give_up)
    assert [item["detail"] for item in done.json["items"] if item["id"] == "settings"] == [
        "you cannot write it; who owns it runs there: jupyter assistant uninstall"
    ]
    assert trees.changed(shared, trees.look(person.prefix)) == []
    assert trees.look(person.home).keys() == {str(person.home)}


def test_two_users_of_one_environment(person: Person, tmp_path: Path) -> None:
    """The settings stay until the last of them goes; neither sees the other's engine."""
    person.do("install")
    other = Person(tmp_path / "other", person.prefix, dict(person.env), person.work)
    other.home.mkdir()
    other.env["HOME"] = other.env["USERPROFILE"] = str(other.home)
    other.do("install")
    mine, theirs = (each.do("status")["engine"] for each in (person, other))
    assert (mine["pid"], mine["url"]) != (theirs["pid"], theirs["url"])
    assert len({mine["pid"], theirs["pid"], mine["url"], theirs["url"]}) == 4
    kept = [each for each in person.do("uninstall")["items"] if each["id"] == "settings"]
    assert [each["action"] for each in kept] == ["kept"]
    assert str(other.data) in kept[0]["detail"]
    assert alive(theirs["pid"]) and not alive(mine["pid"])
    assert other.do("install")["changed"] is False
    other.do("uninstall")
    assert trees.changed(person.before, person.look()) == []
    assert trees.look(other.home).keys() == {str(other.home)}


def test_an_engine_of_another_machine_with_the_same_home_is_left_alone(person: Person) -> None:
    """Its files are named for it; what it holds is neither believed nor removed."""
    person.do("install")
    pid = person.do("status")["engine"]["pid"]
    run = person.data / "run"
    (own,) = run.glob("engine-*.json")
    theirs = {**json.loads(own.read_text()), "host": "elsewhere", "pid": pid, "port": 1}
    (run / "engine-elsewhere.json").write_text(json.dumps(theirs))
    with runfile.lock_on(run / "engine-elsewhere.lock") as take:
        assert take()
        before = trees.look(person.data / "models", person.data / "state")
        (kept,) = [each for each in person.do("uninstall")["items"] if each["id"] == "state"]
        assert (kept["action"], "runs on elsewhere" in kept["detail"]) == ("kept", True)
        assert (run / "engine-elsewhere.json").exists() and alive(pid)
        assert (
            trees.changed(before, trees.look(person.data / "models", person.data / "state")) == []
        )
    person.do("uninstall")
    assert not alive(pid)
    assert trees.changed(person.before, person.look()) == []


def test_a_disk_that_is_full_at_install_and_again_at_uninstall(person: Person) -> None:
    assert person.run("install", disk_full=True).code == 1
    person.do("uninstall")
    assert trees.changed(person.before, person.look()) == []
    person.do("install")
    full = person.run("uninstall", disk_full=True)
    assert full.code == 1
    assert "Free space" in full.err and "Traceback" not in full.err
    person.do("uninstall")
    assert trees.changed(person.before, person.look()) == []
