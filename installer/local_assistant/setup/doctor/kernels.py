"""Check of the kernels: each Python that a notebook can choose knows the magics.

Contract: every kernel's interpreter is asked once, all of them at the same time, each within
a deadline; nothing of theirs is imported but the standard library.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_assistant.setup.doctor import labfiles
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

PATIENCE_S = 8.0
_AT_ONCE = 8
_PACKAGE = "jupyter-local-assistant"
_QUESTION = """
import importlib.util, json
has = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({"magics": has("local_assistant"), "pip": has("pip")}))
"""


Variables = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Kernel:
    """A Python kernel that a notebook can choose."""

    name: str
    program: str
    environment: Variables = ()


@check("kernels")
def check_kernels(readings: Readings) -> str:
    """Every Python kernel that a notebook can choose knows ``%%ai``."""
    folders = labfiles.data_folders("kernels")
    if not folders:
        return "Jupyter is not installed here"
    kernels, others = found(folders)
    wrapped = [each.name for each in kernels if not _is_python(each.program)]
    kernels = [each for each in kernels if each.name not in wrapped]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {
            program: pool.submit(problem_of, *program)
            for program in {(kernel.program, kernel.environment) for kernel in kernels}
        }
        said = [(each.name, asked[each.program, each.environment].result()) for each in kernels]
    refuse(
        [
            Failing(
                f"The kernel {name} {wrong[0]}.", wrong[1] or f"jupyter kernelspec remove {name}"
            )
            for name, wrong in said
            if wrong is not None
        ]
    )
    said_of = {"of other languages": others, "not asked, as a script starts them": wrapped}
    names = ", ".join(kernel.name for kernel in kernels) or "none"
    return "; ".join([names, *(f"{what}: {', '.join(of)}" for what, of in said_of.items() if of)])


def _is_python(program: str) -> bool:
    """Whether it is an interpreter, which can be asked; ``env``, ``conda`` or a shell is none."""
    return Path(program).name.lower().startswith(("python", "pypy")) or program == sys.executable


def found(folders: Sequence[Path]) -> tuple[list[Kernel], list[str]]:
    """Return the Python kernels, and the names of those of other languages.

    The same folders as ``jupyter_client`` has, whose import alone takes a second.
    """
    kernels: dict[str, Kernel | None] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/kernel.json")):
            kernels.setdefault(file.parent.name.lower(), kernel_of(file))
    python = [kernel for kernel in kernels.values() if kernel is not None]
    return python, [name for name, kernel in kernels.items() if kernel is None]


def kernel_of(file: Path) -> Kernel | None:
    """Return the kernel that a ``kernel.json`` describes; None where it is not Python's."""
    data = labfiles.read_object(file)
    argv = data.get("argv")
    if not (isinstance(argv, list) and argv) or str(data.get("language", "")).lower() != "python":
        return None
    program = str(argv[0])
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if program in ("python", "python3", f"python{version}"):
        program = sys.executable  # as jupyter_client starts it
    env = data.get("env")
    pairs = sorted((str(k), str(v)) for k, v in env.items()) if isinstance(env, dict) else ()
    return Kernel(file.parent.name.lower(), program, tuple(pairs))


def problem_of(program: str, environment: Variables) -> tuple[str, str] | None:
    """Return what is wrong with a kernel's interpreter and what mends it, or None.

    Where nothing does but taking the kernel off the list, the second is empty.
    """
    there = shutil.which(program)
    if there is None:
        return f"cannot start: there is no {program}", ""
    answer = ask(there, dict(environment))
    if answer is None:
        return (
            f"does not answer ({program} ran for {PATIENCE_S:g} s, or failed)",
            f"See why: {program} -c pass",
        )
    if answer.get("magics"):
        return None
    install = f"{there} -m pip install {_PACKAGE}"
    if not answer.get("pip"):
        install = f"uv pip install --python {there} {_PACKAGE}"
    return "does not know %%ai (the assistant is not installed for its Python)", install


def ask(program: str, environment: dict[str, str]) -> dict[str, bool] | None:
    """Return what an interpreter says of itself; None where it does not."""
    try:
        done = subprocess.run(
            [program, "-c", _QUESTION],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
            # Not a folder where something could stand in for the package.
            cwd=Path(program).parent,
            env={**os.environ, "PYTHONSAFEPATH": "1", **environment},
        )
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return answer if isinstance(answer, dict) else None
