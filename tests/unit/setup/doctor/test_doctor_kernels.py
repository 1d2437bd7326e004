"""Kernels: found where Jupyter looks, and each interpreter asked for the magics."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from local_assistant.setup.doctor import Failing, kernels, labfiles
from local_assistant.setup.doctor.readings import Readings


def add(folder: Path, name: str, *argv: str, language: str = "python", **env: str) -> None:
    (folder / name).mkdir(parents=True)
    spec = {"argv": [*argv, "{connection_file}"], "language": language, "env": env}
    (folder / name / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which Jupyter looks for kernels."""
    monkeypatch.setattr(labfiles, "data_folders", lambda _name: [tmp_path / "kernels"])
    return tmp_path / "kernels"


def program(tmp_path: Path, text: str) -> str:
    file = tmp_path / "python3.99"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_kernels_that_know_the_magics(folder: Path) -> None:
    add(folder, "python3", "python", "-m", "ipykernel_launcher")
    add(folder, "Other", sys.executable, SOME="value")
    add(folder, "ir", "R", language="R")
    said = kernels.check_kernels(Readings())
    assert said == "other, python3; of other languages: ir"


def test_what_is_no_interpreter_is_not_asked(folder: Path, tmp_path: Path) -> None:
    """Of a wrapper nobody knows what ``-c`` would do."""
    asked = tmp_path / "asked"
    script = tmp_path / "conda"
    script.write_text(f"#!/bin/sh\ntouch '{asked}'\n")
    script.chmod(0o755)
    add(folder, "wrapped", str(script), "run", "python", "-m", "ipykernel_launcher")
    said = kernels.check_kernels(Readings())
    assert said == "none; not asked, as a script starts them: wrapped"
    assert not asked.exists()


def test_a_kernel_without_the_magics(folder: Path, tmp_path: Path) -> None:
    # -S: nothing that was installed can be imported.
    bare = program(tmp_path, f'exec "{sys.executable}" -I -S "$@"')
    add(folder, "bare", bare)
    with pytest.raises(Failing, match="The kernel bare does not know %%ai") as caught:
        kernels.check_kernels(Readings())
    assert caught.value.fix == f"uv pip install --python {bare} jupyter-local-assistant"
    assert caught.value.safe_fix is None, "a download is never safe"


def test_pip_is_named_where_the_kernel_has_it(tmp_path: Path) -> None:
    has_pip = program(tmp_path, """echo '{"magics": false, "pip": true}'""")
    problem = kernels.problem_of(has_pip, ())
    assert problem is not None
    assert problem[1] == f"{has_pip} -m pip install jupyter-local-assistant"


def test_a_kernel_whose_python_is_gone(folder: Path) -> None:
    add(folder, "gone", "/no/such/python")
    with pytest.raises(Failing, match="there is no /no/such/python") as caught:
        kernels.check_kernels(Readings())
    assert caught.value.fix == "jupyter kernelspec remove gone"


def test_a_kernel_that_does_not_answer(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "PATIENCE_S", 0.2)
    add(folder, "hangs", program(tmp_path, "exec sleep 60"))
    with pytest.raises(Failing, match="The kernel hangs does not answer"):
        kernels.check_kernels(Readings())


def test_the_first_folder_wins_as_for_jupyter(tmp_path: Path) -> None:
    add(tmp_path / "mine", "python3", "/mine/python")
    add(tmp_path / "system", "python3", "/system/python")
    (tmp_path / "mine" / "broken").mkdir()
    (tmp_path / "mine" / "broken" / "kernel.json").write_text("{")
    found, others = kernels.found([tmp_path / "mine", tmp_path / "system"])
    assert [(kernel.name, kernel.program) for kernel in found] == [("python3", "/mine/python")]
    assert others == ["broken"]
