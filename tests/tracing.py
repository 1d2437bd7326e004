"""Whether this system lets a parent see its child's system calls; many containers do not.

Asked of the kernel itself, not of the product, so that a product that gives up too early fails.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

from local_assistant.setup.egress import bpf

_LISTENER = """
import ctypes, platform, struct, sys
class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))
system = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
program = Program(1, ctypes.cast(code, ctypes.c_void_p))
system.prctl(38, 1, 0, 0, 0)
number = ctypes.c_long({"x86_64": 317, "aarch64": 277}[platform.machine()])
made = system.syscall(number, 1, 8, ctypes.byref(program))
print("refused" if made < 0 else "", flush=True)
sys.stdin.read()
"""


@functools.cache
def refused() -> bool:
    """Return whether the kernel refuses a listener, or the memory of a child."""
    if not bpf.supported():
        return True
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _LISTENER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        if child.stdout.readline() != "\n":
            return True
        try:
            with Path(f"/proc/{child.pid}/mem").open("rb"):
                return False
        except PermissionError:
            return True
