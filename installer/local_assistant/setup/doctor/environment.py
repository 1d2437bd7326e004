"""Checks of the environment: Python, the packages beside us, the settings file."""

from __future__ import annotations

import os
import platform
import struct
import sys
from importlib import metadata

from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

PYTHON_FLOOR = (3, 10)
DISTRIBUTION = "jupyter-local-assistant"


@check("python")
def check_python(readings: Readings) -> str:
    """Python is new enough, and of 64 bits, which a model's memory needs."""
    bits = struct.calcsize("P") * 8
    version = platform.python_version()
    if sys.version_info[:2] < PYTHON_FLOOR:
        raise Failing(
            f"Python {version} is too old; 3.10 is needed.",
            "Make an environment with a newer one: python3.12 -m venv .venv",
        )
    if bits != 64:
        raise Failing(
            f"This Python has {bits} bits; a model needs 64.",
            "Install a 64-bit Python (python.org/downloads), and the assistant into that",
        )
    return f"Python {version}, {bits} bits, in {readings.prefix}"


@check("packages")
def check_packages(readings: Readings) -> str:
    """What we require is installed in the versions that we require, and no combination of
    packages is one that is known to fail (see the table below)."""
    from local_assistant.setup.doctor import packages

    there = packages.installed()
    refuse(packages.problems(there))
    try:
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "run from a folder of sources: no package of ours is installed"
    shown = [f"{name} {there[name]}" for name in packages.SHOWN if name in there]
    return ", ".join([f"{DISTRIBUTION} {version}", *shown])


@check("settings")
def check_settings(readings: Readings) -> str:
    """``assistant.toml`` can be read, and all of its settings are valid."""
    from local_assistant import paths

    loaded, problem = readings.settings
    if problem is not None:
        raise Failing(" ".join(map(str, problem.problems)), problem.fix)
    file = paths.user_config_file()
    if not loaded.files:
        return f"{paths.display(file)} is not there: the defaults count"
    by_host = loaded.sources.get("server.url") == "OLLAMA_HOST"
    note = f"; OLLAMA_HOST={os.environ.get('OLLAMA_HOST', '')} wins over [server] url"
    return ", ".join(map(paths.display, loaded.files)) + (note if by_host else "")
