"""Somebody whose commands are killed, each at a moment that the test names."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import trees
from tests.integration.cli.conftest import ROOT, TIMEOUT_S
from tests.integration.cli.test_undo import Person, person_at, with_jupyternaut
from tests.integration.engine import talking_gguf


@dataclass
class Dying:
    """Commands by name, what must be there before each, and what they leave in the end."""

    person: Person

    def command(self, case: str) -> list[str]:
        work = self.person.work
        return {
            "install": ["install"],
            "use": ["use", "assistant-demo"],
            "create": ["create", "mine", "-f", str(work / "Modelfile")],
            "pull": ["pull", str(work / "talking.gguf")],
            "uninstall": ["uninstall", "--models"],
        }[case]

    def count(self, case: str) -> int:
        """Run a command to its end, and uninstall; return how many moments it has."""
        self._prepare(case)
        done = self._run(case, 0)
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"^moments (\d+)$", done.stderr, re.MULTILINE)
        assert found
        assert self.taken_back(case) == [], f"{case}, not killed"
        return int(found[1])

    def kill(self, case: str, moment: int) -> None:
        """Run what a command needs first, then the command, which dies; a late one may end."""
        self._prepare(case)
        assert self._run(case, moment).returncode in (-signal.SIGKILL, 0)

    def taken_back(self, case: str) -> list[str]:
        """Uninstall; return what is different from the beginning.

        A settings file that a command has edited is the user's, and uninstall says so; here the
        user removes it. A folder above the data that is empty by now may stay where uninstall
        itself died between the data and that folder: then nothing says any more who made it.
        """
        done = self.person.run("uninstall", "--models", "--json", cwd=self.person.work)
        assert done.code == 0, done.out + done.err
        config = self.person.config
        if any(
            item["what"] == str(config) and item["action"] == "kept" for item in done.json["items"]
        ):
            config.unlink()
            config.parent.rmdir()
        data = self.person.data
        above = [] if data.exists() else [f"new {each}" for each in data.parents]
        changed = trees.changed(self.person.before, self.person.look())
        return [each for each in changed if case != "uninstall" or each not in above]

    def end(self) -> None:
        self.person.run("stop")

    def _prepare(self, case: str) -> None:
        if case != "install":
            assert self.person.run("install", cwd=self.person.work).code == 0

    def _run(self, case: str, moment: int) -> subprocess.CompletedProcess[str]:
        person = self.person
        arguments = [str(person.prefix), str(moment), str(person.home.parent), *self.command(case)]
        return subprocess.run(
            [sys.executable, "-m", "tests.killed", *arguments],
            env={**person.environment(), "PYTHONPATH": f"{person.env['PYTHONPATH']}:{ROOT}"},
            cwd=person.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )


def dying_at(folder: Path) -> Dying:
    person = person_at(folder, PYTHONPATH=with_jupyternaut(folder / "packages"))
    talking_gguf.write(person.work / "talking.gguf", ("Yes.",))
    (person.work / "Modelfile").write_text("FROM assistant-demo\nPARAMETER temperature 0.1\n")
    return Dying(person)
