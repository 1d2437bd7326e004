"""The set-up script's decisions, without installing anything."""

from __future__ import annotations

import ast
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import bootstrap

COPIED = (
    "jupyter_config/etc/one.json",
    "labextension/package.json",
    "labextension/schemas/one.json",
    "labextension/static/one.js",
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with locks and one drop-in, and nothing on PATH."""
    root = tmp_path / "checkout"
    for name in ("requirements/lab.txt", "requirements/test.txt", *COPIED):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    (root / "pyproject.toml").write_text("[project]", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "ENV", root / ".venv")
    monkeypatch.setattr(bootstrap, "BIN", root / ".venv" / "bin")
    monkeypatch.setattr(bootstrap, "LOCKS", root / "requirements")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return root


def test_a_python_without_ensurepip_is_told_which_package_to_install(checkout: Path) -> None:
    venv.create(checkout / ".venv")
    python = bootstrap.python_of_env()
    python.unlink()
    python.write_text('#!/bin/sh\necho "$0: No module named $3" >&2; exit 1\n', encoding="utf-8")
    python.chmod(0o755)
    with pytest.raises(bootstrap.SetupError, match=r"(?s)python3-venv.*named ensurepip"):
        bootstrap.ensure_packages("lab.txt")
    assert bootstrap.unfinished().exists(), "what is there by half is not built on"


def test_an_environment_without_pip_gets_one(checkout: Path) -> None:
    bootstrap.ensure_environment()
    pip = [str(bootstrap.python_of_env()), "-m", "pip", "--version"]
    assert subprocess.run(pip, capture_output=True, check=False).returncode
    bootstrap.ensure_pip()
    assert not subprocess.run(pip, check=False).returncode


def test_an_old_python_is_named_with_what_is_needed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.10 or newer is needed.*PYTHON="):
        bootstrap.newer_python()


def test_an_old_python_gives_way_to_a_newer_one_on_the_path(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 6, 8))
    newer = tmp_path / "empty" / "python3.12"
    newer.parent.mkdir()
    newer.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nexit 7\n', encoding="utf-8")
    newer.chmod(0o755)
    assert bootstrap.main(["--preset", "small"]) == 7
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert said == f"{Path(bootstrap.__file__).resolve()} --preset small\n"


def test_an_old_python_can_read_the_script() -> None:
    """As far as that goes: what 3.6 evaluates when it reads a function's head, and its grammar."""
    source = Path(bootstrap.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    assert "__future__" not in source
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    arguments = [argument for each in functions for argument in each.args.args]
    heads = [each.returns for each in functions] + [each.annotation for each in arguments]
    assert heads
    assert not [each for each in heads if not isinstance(each, ast.Name | ast.Constant)]


def test_a_half_made_environment_does_not_count(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    assert not bootstrap.environment_works()
    (checkout / ".venv" / "pyvenv.cfg").write_text("", encoding="utf-8")
    assert not bootstrap.environment_works()


def test_an_environment_with_packages_by_half_does_not_count(checkout: Path) -> None:
    bootstrap.ensure_environment()
    assert bootstrap.environment_works()
    bootstrap.unfinished().touch()
    assert not bootstrap.environment_works()


def test_an_environment_of_the_users_own_making_is_taken(checkout: Path) -> None:
    venv.create(checkout / ".venv")
    mine = checkout / ".venv" / "mine"
    mine.touch()
    bootstrap.ensure_environment()
    assert mine.exists()


def test_an_environment_that_was_moved_does_not_count(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands in it begin with the path of where it was."""
    bootstrap.ensure_environment()
    moved = checkout.rename(checkout.with_name("moved"))
    monkeypatch.setattr(bootstrap, "ENV", moved / ".venv")
    monkeypatch.setattr(bootstrap, "BIN", moved / ".venv" / "bin")
    assert not bootstrap.environment_works()
    bootstrap.ensure_environment()
    assert bootstrap.environment_works()


def test_with_the_stamp_nothing_is_installed(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    stamp = checkout / ".venv" / ".assistant-stamp"
    stamp.write_text(bootstrap.fingerprint("lab.txt"), encoding="utf-8")
    bootstrap.ensure_packages("lab.txt")  # anything else would look for uv, which is not there
    with pytest.raises(OSError, match="python"):
        bootstrap.ensure_packages("test.txt")


@pytest.mark.parametrize("changed", ["requirements/lab.txt", "pyproject.toml", *COPIED])
def test_a_change_of_what_is_installed_counts(checkout: Path, changed: str) -> None:
    before = bootstrap.fingerprint("lab.txt")
    (checkout / changed).write_text("changed", encoding="utf-8")
    assert bootstrap.fingerprint("lab.txt") != before
