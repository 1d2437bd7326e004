"""Run ``jupyter assistant`` and kill it, by SIGKILL, at the Nth moment at which it would write.

A moment is a system call of the command's own that changes a file of the test's, starts a
process, or asks a server, told by Python's audit hooks just before it is made. So each N is one
very place in the command, on every machine. With 0 nothing is killed, and how many moments there
were is said at the end, on stderr.

    python -m tests.killed PREFIX MOMENT ROOT ARGUMENT…
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_ALWAYS = ("subprocess.Popen", "socket.connect")
_PATHS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod")


class Moments:
    """Counts, and kills this process at the wanted one."""

    def __init__(self, wanted: int, root: str) -> None:
        self.wanted = wanted
        self.root = root
        self.count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_one(event, arguments):
            return
        self.count += 1
        if self.count == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_one(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _mode, flags = arguments
            return bool(flags & _WRITES) and self._below(path)
        if event in _PATHS:
            # Below a folder that is open, shutil names a file by its last part alone.
            return self._below(arguments[0]) or not Path(arguments[0]).is_absolute()
        return event in _ALWAYS

    def _below(self, path: Any) -> bool:
        return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(self.root)


def main() -> int:
    prefix, moment, root = sys.argv[1:4]
    sys.argv[1:] = sys.argv[4:]
    sys.prefix = prefix
    moments = Moments(int(moment), root)
    sys.addaudithook(moments)
    from local_assistant.cli.main import main as command

    try:
        return command() or 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        print(f"moments {moments.count}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
