"""How %%ai gets into a kernel, and what that costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.magics.kernel import kernel

LOAD_LIMIT_S = 0.3
FORGET = "for kind in ('line', 'cell'): get_ipython().magics_manager.magics[kind].pop('ai', None)"


def test_every_kernel_of_the_environment_has_it(assistant: Path) -> None:
    with kernel(assistant, load=False) as running:
        names = running.run("sorted(name for name in dir() if 'ssistant' in name)")
        assert names.result == "[]"
        loaded = running.run("import sys; 'pydantic' in sys.modules, 'http.client' in sys.modules")
        assert loaded.result.startswith("(False")
        cell = running.run("%ai version")
        assert (cell.status, cell.stderr) == ("ok", "")
        assert "jupyter-local-assistant" in cell.text


def test_it_is_loaded_by_hand_elsewhere_within_its_budget(assistant: Path) -> None:
    with kernel(assistant, load=False) as running:
        running.run(FORGET)
        assert running.run("%ai version").status == "error"
        running.run("import sys, time")
        # As in an environment that has never seen the package.
        running.run("ours = [name for name in sys.modules if name.startswith('local_assistant')]")
        running.run("for name in ours: del sys.modules[name]")
        running.run("before = set(sys.modules); start = time.process_time()")
        cell = running.run("%load_ext local_assistant\ntook = time.process_time() - start")
        assert (cell.status, cell.text.strip(), cell.stderr) == ("ok", "", "")
        assert float(running.run("took").result) < LOAD_LIMIT_S
        grown = running.run("sorted(set(sys.modules) - before)").result
        assert "pydantic" not in grown
        assert running.run("%ai version").status == "ok"


def test_a_magic_of_the_users_own_stays(assistant: Path) -> None:
    startup = assistant / "own-ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    own = "get_ipython().register_magic_function(lambda line, cell=None: 'mine', 'line_cell', 'ai')"
    (startup / "00-own.py").write_text(own)
    with kernel(assistant, {"IPYTHONDIR": str(startup.parents[1])}, load=False) as running:
        assert running.run("%ai version").result == "'mine'"
        running.run("%load_ext local_assistant")
        assert "jupyter-local-assistant" in running.run("%ai version").text


def test_a_kernel_starts_where_the_package_is_broken(assistant: Path) -> None:
    broken = assistant / "broken" / "local_assistant"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('broken')")
    with kernel(assistant, {"PYTHONPATH": str(broken.parent)}, load=False) as running:
        cell = running.run("1 + 1")
        assert (cell.result, cell.stderr) == ("2", "")


def test_the_terminal_gets_plain_text(assistant: Path) -> None:
    program = assistant / "ask.ipy"
    program.write_text("%%ai\nWhat is Jupyter?\n")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(program)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=assistant,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "notebook" in done.stdout.lower()
    # Printed once as it came, not again and again.
    assert done.stdout.lower().count("jupyter is a set") <= 1
