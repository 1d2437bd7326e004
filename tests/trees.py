"""All that lies below some folders, so that a test can say which bytes are different later.

Of each file its content, its mode and its time; of a folder its mode; of a link where it leads.
Times count only where nobody had a reason to write: a file that was put back byte for byte has a
new one, so a test says of which files the time matters.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """What one path is. ``digest`` is of a file's content; ``time`` is in nanoseconds."""

    kind: str
    mode: int
    digest: str = ""
    target: str = ""
    time: int = 0
    size: int = 0

    def same(self, other: Entry | None, *, times: bool = False) -> bool:
        if other is None:
            return False
        mine = (self.kind, self.mode, self.digest, self.target)
        theirs = (other.kind, other.mode, other.digest, other.target)
        return mine == theirs and (not times or self.time == other.time)


Tree = dict[str, Entry]


def look(*roots: Path, without: Iterable[str] = ()) -> Tree:
    """Return everything below ``roots``, the roots themselves included.

    Args:
        without: names of folders that are not looked into, wherever they are.
    """
    left_out = set(without)
    found: Tree = {}
    for root in roots:
        if not os.path.lexists(root):
            continue
        found[str(root)] = _entry(root)
        for folder, folders, files in os.walk(root):
            folders[:] = [name for name in folders if name not in left_out]
            for name in (*folders, *files):
                path = Path(folder, name)
                found[str(path)] = _entry(path)
    return found


def _entry(path: Path) -> Entry:
    state = path.lstat()
    mode = stat.S_IMODE(state.st_mode)
    if stat.S_ISLNK(state.st_mode):
        return Entry("link", 0, target=str(path.readlink()))
    if stat.S_ISDIR(state.st_mode):
        return Entry("folder", mode)
    if not stat.S_ISREG(state.st_mode):
        return Entry("special", mode)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Entry("file", mode, digest, time=state.st_mtime_ns, size=len(content))


def changed(before: Tree, after: Tree, *, times: bool = False) -> list[str]:
    """Return what is new, gone or different, each with a word that says which."""
    new = [f"new {path}" for path in after if path not in before]
    gone = [f"gone {path}" for path in before if path not in after]
    other = [
        f"different {path}"
        for path, entry in before.items()
        if path in after and not entry.same(after[path], times=times)
    ]
    return sorted(new + gone + other)


def bytes_different(before: Tree, after: Tree) -> int:
    """Return how many bytes lie in files that are new, gone or different."""
    paths = [
        path
        for path in {*before, *after}
        if path not in before or not before[path].same(after.get(path))
    ]
    sizes = ((before.get(path), after.get(path)) for path in paths)
    return sum(max(each.size if each else 0 for each in pair) for pair in sizes)
