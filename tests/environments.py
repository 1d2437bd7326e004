"""Environments of their own for programs that cannot share ours, from hash-pinned lists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def pinned(pins: Path, root: Path) -> Path:
    """Install what ``pins`` lists into ``root``, if it is not there whole; return ``root``."""
    done = root / "installed-from.txt"
    wanted = pins.read_text(encoding="utf-8")
    if not done.is_file() or done.read_text(encoding="utf-8") != wanted:
        uv("venv", "-q", "--clear", "--python", sys.executable, str(root))
        uv("pip", "sync", "-q", "--require-hashes", "--python", str(root), str(pins))
        done.write_text(wanted, encoding="utf-8")
    return root


def wheel(folder: Path) -> Path:
    """Build the package into ``folder``; return the wheel."""
    root = str(Path(__file__).parents[1])
    uv("build", "-q", "--wheel", "--no-build-isolation", "--python", sys.executable,
       "--out-dir", str(folder), root)  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def uv(*arguments: str) -> None:
    """Run uv; what it says is in the error where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments],
        capture_output=True,
        text=True,
        env={"UV_SYSTEM_CERTS": "1", **os.environ},
    )
    assert done.returncode == 0, done.stderr
