"""Names of the files that are written beside another one, to take its place in one step.

Contract: the name tells what it is for and which process writes it, so that :func:`sweep` can
remove what a kill has left, and nothing that somebody is just writing. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

_MARK = "local-assistant"


def prefix(path: Path) -> str:
    """Return how the name of this process's temporary file for ``path`` begins."""
    return f".{path.name}.{_MARK}-{os.getpid()}-"


def sweep(path: Path) -> None:
    """Remove the temporary files for ``path`` that no living process writes."""
    from local_assistant.engine.runfile import process_start

    ours = re.compile(rf"\.{re.escape(path.name)}\.{_MARK}-(\d+)-")
    with contextlib.suppress(OSError):  # there is no such folder, or it is closed to us
        for each in list(path.parent.iterdir()):
            found = ours.match(each.name)
            if found and process_start(int(found[1])) is None:
                each.unlink()
