"""How to get Ollama on this platform.

Contract: one place says it, for ``status``, ``install --install-ollama``, the messages and
``docs/server.md``. Nothing is run here. The commands are those of Ollama's own download page
and documentation (docs/linux.mdx, scripts/install.sh and install.ps1 of ollama/ollama
v0.33.0); the installer for Linux serves macOS, too.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass

SCRIPT = "curl -fsSL https://ollama.com/install.sh | sh"
WINGET = ("winget", "install", "--exact", "--id", "Ollama.Ollama")
POWERSHELL = "irm https://ollama.com/install.ps1 | iex"
PAGE = "ollama.com/download"
BY_US = "jupyter assistant install --install-ollama"


@dataclass(frozen=True)
class Way:
    """A way to install Ollama.

    Attributes:
        command: what is run.
        shown: the same as a person types it.
        before: what to know before saying yes.
    """

    command: tuple[str, ...]
    shown: str
    before: str


def way(platform_name: str = sys.platform) -> Way:
    """Return the official installer of this platform."""
    if platform_name == "win32":
        note = "It installs into your own folder and needs no administrator."
        if shutil.which("winget"):
            return Way(WINGET, " ".join(WINGET), note)
        shell = ("powershell", "-NoProfile", "-Command", POWERSHELL)
        return Way(shell, f'powershell -Command "{POWERSHELL}"', note)
    command = "sh", "-c", SCRIPT
    if platform_name == "darwin":
        return Way(
            command,
            SCRIPT,
            "It puts Ollama.app into /Applications and starts it, and may ask for your password "
            "to put the command ollama on PATH.",
        )
    before = (
        "It installs into the system, makes a user named ollama and a service that starts with "
        "the machine"
    )
    if is_root():
        return Way(command, SCRIPT, f"{before}.")
    return Way(command, SCRIPT, f"{before}; for that it needs root and asks for your password.")


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def short(platform_name: str = sys.platform) -> str:
    """Return one line: how to get it."""
    if platform_name == "darwin":
        return f"Get it from {PAGE}, with: brew install ollama, or with: {BY_US}"
    if platform_name == "win32":
        return f"Get it from {PAGE}, with: {' '.join(WINGET)}, or with: {BY_US}"
    return f"Get it with: {SCRIPT} (needs root), or with: {BY_US}"


def without_root() -> str:
    """Return what a user of Linux without root does, as lines to type."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    archive = f"https://ollama.com/download/ollama-linux-{machine}.tar.zst"
    return (
        "Without root, unpack it into a folder of your own:\n"
        "  mkdir -p ~/.local\n"
        f"  curl -fsSL {archive} | tar x --zstd -C ~/.local   (needs zstd)\n"
        '  export PATH="$HOME/.local/bin:$PATH"   (and in your shell\'s profile)\n'
        "then run again: jupyter assistant install. "
        "Or do nothing: the embedded engine answers without Ollama."
    )
