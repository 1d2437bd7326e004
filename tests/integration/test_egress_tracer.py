"""The tracer sees each way of contacting somebody, and takes nothing harmless for one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local_assistant.setup.egress import bpf, processes, proof
from local_assistant.setup.egress.contacts import Seen
from local_assistant.setup.egress.polling import Poller
from local_assistant.setup.egress.tracer import CannotTrace, Tracer
from tests import tracing

FAR = "192.0.2.1"  # a documentation address: nobody has it
UDP = "import socket, os; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
TCP = "import socket; s = socket.socket()\ns.settimeout(0.2)\n"
QUIETLY = "import contextlib\nwith contextlib.suppress(OSError): "


def tracer_of(*command: str, box: str | None = None) -> Tracer | None:
    """Watch a program; None where the kernel refuses that, which is said, with a way out."""
    if not tracing.refused():
        return Tracer([sys.executable, *command], box=box)
    with pytest.raises(CannotTrace, match="This system does not") as caught:
        Tracer([sys.executable, *command], box=box)
    assert caught.value.fix
    return None


def watched(code: str, box: str | None = "answers") -> Seen | None:
    tracer = tracer_of("-S", "-c", code, box=box)
    if tracer is None:
        return None
    with tracer:
        seen = tracer.run(60)
    assert seen.code == 0, seen
    print(seen.where, dict(seen.looked_at), seen.contacts)
    return seen


def grandchild(code: str) -> str:
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {code!r}])"
    return f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {child!r}])"


CONTACTS = {
    "a TCP connect": (TCP + QUIETLY + f"s.connect(('{FAR}', 80))", "connect"),
    "a TCP connect by IPv6": (
        "import socket; s = socket.socket(socket.AF_INET6)\n"
        + QUIETLY
        + "s.connect(('2001:db8::1', 80))",
        "connect",
    ),
    "a UDP sendto": (UDP + QUIETLY + f"s.sendto(b'x', ('{FAR}', 9))", "send"),
    "a UDP sendmsg": (UDP + QUIETLY + f"s.sendmsg([b'x'], [], 0, ('{FAR}', 9))", "send"),
    "a connected UDP socket's send": (
        UDP + QUIETLY + f"s.connect(('{FAR}', 9)); s.send(b'x')",
        "send",
    ),
    "a grandchild's connect": (
        grandchild(TCP + QUIETLY + f"s.connect(('{FAR}', 80))"),
        "connect",
    ),
    "a thread's connect": (
        TCP + f"import threading\nt = threading.Thread(target=s.connect_ex, args=(('{FAR}', 80),))"
        "\nt.start(); t.join()",
        "connect",
    ),
    "what cannot be read": (
        "import ctypes, socket; s = socket.socket()\n"
        "ctypes.CDLL(None).connect(s.fileno(), ctypes.c_void_p(8), 16)",
        "connect",
    ),
}


@pytest.mark.parametrize("name", CONTACTS)
def test_a_contact_is_seen(name: str) -> None:
    code, how = CONTACTS[name]
    seen = watched(code)
    if seen is None:
        return
    reached = seen.where == "answers" or how == "connect"
    assert [contact.how for contact in seen.contacts] == [how] or not reached, seen.contacts
    host = seen.contacts[0].host if seen.contacts else ""
    assert not reached or host in (FAR, "2001:db8::1") or "cannot be read" in host


@pytest.mark.parametrize("box", ["answers", "silent", None])
def test_a_lookup_of_a_name_is_seen(box: str | None) -> None:
    code = QUIETLY + "__import__('socket').getaddrinfo('leak.example', 443)"
    seen = watched(code, box)
    if seen is None:
        return
    assert seen.contacts
    if seen.where == box:
        assert [(each.how, each.host) for each in seen.contacts] == [("name", "leak.example")]


def test_where_the_world_seems_to_answer_the_second_step_shows_too() -> None:
    code = "import urllib.request\n" + QUIETLY
    seen = watched(code + "urllib.request.urlopen('http://leak.example/x', timeout=5).read()")
    if seen is None:
        return
    if seen.where == "answers":
        assert [(each.how, each.host, each.port) for each in seen.contacts] == [
            ("name", "leak.example", 53),
            ("connect", "leak.example", 80),
        ]
    assert seen.contacts


@pytest.mark.parametrize("resolver", [FAR, "127.0.0.1"])
def test_a_resolver_that_is_asked_by_plain_write_counts_as_asked(resolver: str) -> None:
    """As Go does; the write itself is not looked at. One on this machine asks others."""
    seen = watched(UDP + QUIETLY + f"s.connect(('{resolver}', 53)); os.write(s.fileno(), b'x')")
    if seen is None:
        return
    assert [(each.how, each.host, each.port) for each in seen.contacts] == [
        ("connect", resolver, 53)
    ]


HARMLESS = {
    "a UDP connect with nothing sent": UDP + QUIETLY + f"s.connect(('{FAR}', 443))",
    "this machine": TCP + "s.connect_ex(('127.0.0.1', 9)); s.connect_ex(('0.0.0.0', 9))",
    "a datagram to this machine": UDP + "s.sendto(b'x', ('127.0.0.1', 9))",
    "a Unix socket": "import socket; a, b = socket.socketpair(); a.send(b'x'); a.sendmsg([b'y'])",
    "the kernel's routing": (
        "import socket; s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\n"
        "s.bind((0, 0))\n" + QUIETLY + "s.sendto(b'', (0, 0))"
    ),
    "the name of this machine": "import socket; socket.getaddrinfo('localhost', 80)",
    "nothing": "pass",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_is_none(name: str) -> None:
    seen = watched(HARMLESS[name])
    assert seen is None or seen.contacts == []


def test_io_uring_which_would_pass_unseen_is_refused() -> None:
    code = (
        "import ctypes, errno; c = ctypes.CDLL(None, use_errno=True)\n"
        "assert c.syscall(425, 8, ctypes.create_string_buffer(120)) == -1\n"
        "assert ctypes.get_errno() == errno.ENOSYS"
    )
    seen = watched(code)
    if seen is None:
        return
    assert (seen.looked_at["io_uring_setup"], seen.contacts) == (1, [])


def test_a_process_that_is_watched_already_says_so() -> None:
    code = (
        "import sys\nfrom local_assistant.setup.egress.tracer import Tracer, CannotTrace\n"
        "try: Tracer([sys.executable, '-c', 'pass'])\n"
        "except CannotTrace as error: assert 'watches already' in error.message\n"
        "else: sys.exit(3)"
    )
    tracer = tracer_of("-c", code)
    if tracer is not None:
        with tracer:
            assert tracer.run(60).code == 0


def test_where_calls_cannot_be_seen_open_connections_are() -> None:
    """The poorer proof; inside a box, where somebody answers."""
    held = TCP + f"s.connect(('{FAR}', 80)); s.settimeout(30); s.recv(1)"
    code = (
        "import sys\nfrom local_assistant.setup.egress.polling import Poller\n"
        f"with Poller([sys.executable, '-S', '-c', {held!r}]) as poller:\n"
        "    hosts = lambda: [each.host for each in poller.seen.contacts]\n"
        "    while not hosts() and poller.process.poll() is None: poller.run(0.2)\n"
        f"    sys.exit(0 if hosts() == ['{FAR}'] else 3)"
    )
    tracer = tracer_of("-c", code, box="answers")
    if tracer is not None:
        with tracer:
            seen = tracer.run(60)
        assert seen.code == 0 or seen.where != "answers"


def test_what_is_left_of_a_session_is_found_by_its_mark_and_ended() -> None:
    import subprocess

    environment = {**os.environ, processes.MARK: "some-mark"}
    command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(command, env=environment)
    try:
        assert processes.end_marked("another-mark") == []
        assert processes.end_marked("some-mark") == [left.pid]
        assert processes.marked("some-mark") == []
    finally:
        left.kill()
        left.wait()


def test_where_no_kernel_can_be_asked_connections_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bpf, "MACHINES", {})
    monkeypatch.delattr("local_assistant.setup.egress.tracer")
    # As on Windows, where what it imports is missing.
    monkeypatch.setitem(sys.modules, "local_assistant.setup.egress.tracer", None)
    command = [sys.executable, "-S", "-c", "print('done')"]
    with proof._watching(command, None, dict(os.environ), tmp_path) as (watcher, output):
        assert isinstance(watcher, Poller)
        assert watcher.run(60).code == 0
        assert "no way to see system calls" in watcher.seen.why
    assert output.read_text().strip() == "done"
