"""A process that may not write where a folder's mode forbids it, also where root runs the tests.

Root writes into read-only folders by a capability. A child that has given it up for good meets
the same refusals as any other user, and needs no account of its own: the interpreter may lie in
root's own home.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_OVERRIDES = (1, 2, 3)
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER, as Linux numbers them."""


def give_up() -> None:
    """Run in a child before its program (``preexec_fn``): it loses root's way around modes."""
    if os.geteuid() == 0:
        system = ctypes.CDLL(None)
        for capability in _OVERRIDES:
            if system.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 0:
                continue  # this container's root has never had it
            if system.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError("this container keeps its capabilities")


@contextmanager
def read_only(*roots: Path) -> Iterator[None]:
    """Take the right to write from all folders below ``roots``; give it back at the end."""
    folders = [each for root in roots for each in (root, *root.rglob("*")) if each.is_dir()]
    modes = {folder: stat.S_IMODE(folder.stat().st_mode) for folder in folders}
    for folder, mode in modes.items():
        folder.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
