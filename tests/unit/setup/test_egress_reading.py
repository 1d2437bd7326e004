"""What the tracer reads: the filter that the kernel runs, addresses, questions for names."""

from __future__ import annotations

import errno
import socket
import ssl
import struct

import pytest

from local_assistant.setup.egress import bpf, world
from local_assistant.setup.egress.addresses import Address, address, question, sent
from local_assistant.setup.egress.contacts import Contact, Seen
from local_assistant.setup.egress.processes import in_words
from local_assistant.setup.egress.proof import Proof

REFUSED = bpf.ERRNO | errno.ENOSYS


def outcome(program: bytes, number: int, audit: int) -> int:
    """Run a filter as the kernel does."""
    data = struct.pack("=iIQ6Q", number, audit, 0, 0, 0, 0, 0, 0, 0)
    code = list(struct.iter_unpack("=HBBI", program))
    held, at = 0, 0
    while True:
        kind, if_true, if_false, value = code[at]
        at += 1
        if kind == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif kind == 0x15:
            at += if_true if held == value else if_false
        elif kind == 0x35:
            at += if_true if held >= value else if_false
        else:
            assert kind == 0x06
            return value


@pytest.mark.parametrize("name", bpf.MACHINES)
def test_the_filter_asks_for_these_calls_and_lets_all_others_run(name: str) -> None:
    machine = bpf.MACHINES[name]
    other = next(each for each in bpf.MACHINES.values() if each is not machine)
    for number in range(600):
        wanted = bpf.NOTIFY if number in machine.calls else bpf.ALLOW
        assert outcome(machine.program(), number, machine.audit) == wanted
        assert outcome(machine.program(), number, other.audit) == REFUSED
        assert outcome(machine.program(), number | 0x40000000, machine.audit) == REFUSED
    assert sorted(machine.calls.values()) == [
        "connect", "io_uring_setup", "sendmmsg", "sendmsg", "sendto",
    ]  # fmt: skip


def inet(host: str, port: int) -> bytes:
    return struct.pack("=H", 2) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def inet6(host: str, port: int) -> bytes:
    packed = socket.inet_pton(socket.AF_INET6, host)
    return struct.pack("=H", 10) + struct.pack("!HI", port, 0) + packed + bytes(4)


@pytest.mark.parametrize(
    ("raw", "host", "stays"),
    [
        (inet("127.0.0.1", 80), "127.0.0.1", True),
        (inet("127.8.9.10", 80), "127.8.9.10", True),
        (inet("0.0.0.0", 80), "0.0.0.0", True),
        (inet("192.0.2.1", 80), "192.0.2.1", False),
        (inet("10.0.0.1", 80), "10.0.0.1", False),
        (inet("224.0.0.251", 5353), "224.0.0.251", False),
        (inet6("::1", 80), "::1", True),
        (inet6("::ffff:127.0.0.1", 80), "::ffff:127.0.0.1", True),
        (inet6("::ffff:192.0.2.1", 80), "::ffff:192.0.2.1", False),
        (inet6("2001:db8::1", 80), "2001:db8::1", False),
        (struct.pack("=H", 1) + b"/run/some.sock\0", "/run/some.sock", True),
        (struct.pack("=H", 1) + b"\0hidden", "@hidden", True),
        (struct.pack("=H", 16) + bytes(10), "", True),
        (struct.pack("=H", 0) + bytes(14), "", True),
        (struct.pack("=H", 40) + bytes(14), "an address of family 40", False),
        (inet("192.0.2.1", 80)[:5], "an address of family 2", False),
        (b"", "an address that cannot be read", False),
    ],
)
def test_addresses(raw: bytes, host: str, stays: bool) -> None:
    found = address(raw)
    assert (found.host, found.stays) == (host, stays)


def test_what_looks_names_up_for_others() -> None:
    assert address(inet("127.0.0.53", 53)).resolves
    assert Address(1, "/run/systemd/resolve/io.systemd.Resolve").resolves
    assert not Address(1, "/run/user/0/bus").resolves
    assert not address(inet("127.0.0.1", 8888)).resolves


class Memory:
    """A process's memory, with what is put there."""

    def __init__(self) -> None:
        self.data = bytearray(16)

    def put(self, data: bytes) -> int:
        where = len(self.data)
        self.data += data
        return where

    def read(self, where: int, length: int) -> bytes:
        return bytes(self.data[where : where + length])

    def header(self, payload: list[bytes], to: bytes = b"") -> bytes:
        pieces = b"".join(struct.pack("=QQ", self.put(each), len(each)) for each in payload)
        name = self.put(to) if to else 0
        return struct.pack("=QI4xQQQQi4x", name, len(to), self.put(pieces), len(payload), 0, 0, 0)


def test_messages_are_read_out_of_memory() -> None:
    memory = Memory()
    far = inet("192.0.2.1", 53)
    one = (3, memory.put(b"hello"), 5, 0, memory.put(far), len(far))
    (message,) = sent("sendto", one, memory.read)
    assert (message.to, message.read_payload()) == (address(far), b"hello")

    bare = memory.put(memory.header([b"he", b"llo"]))
    (message,) = sent("sendmsg", (3, bare, 0, 0, 0, 0), memory.read)
    assert (message.to, message.read_payload()) == (None, b"hello")

    both = [memory.header([b"a"], far), memory.header([b"b"], inet("192.0.2.2", 1))]
    many = memory.put(b"".join(each + struct.pack("=I4x", 0) for each in both))
    first, second = sent("sendmmsg", (3, many, 2, 0, 0, 0), memory.read)
    assert (first.to, first.read_payload()) == (address(far), b"a")
    assert second.to == Address(2, "192.0.2.2", 1)


def asked(name: str, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    return struct.pack("!HHHHHH", 7, flags, 1, 0, 0, 0) + labels + b"\0" + b"\0\1\0\1"


VARLINK = (
    b'{"method":"io.systemd.Resolve.ResolveHostname",'
    b'"parameters":{"name":"some.example","flags":0}}\0'
)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (asked("some.example"), "some.example"),
        (struct.pack("!H", 30) + asked("over.tcp.example"), "over.tcp.example"),
        (asked("some.example", 0x8180), None),
        (VARLINK, "some.example"),
        (struct.pack("=iii", 2, 14, 13) + b"some.example\0", "some.example"),
        (struct.pack("=iii", 2, 0, 5) + b"root\0", None),  # nscd is asked for users, too
        (b"", None),
        (b"\xff" * 100, None),
        (asked("some.example")[:-8], None),
    ],
)
def test_questions(payload: bytes, name: str | None) -> None:
    assert question(payload) == name


def test_an_answer_of_the_boxs_world_can_be_read() -> None:
    query = asked("some.example")
    answer = world._answer(query, "198.18.1.1")
    assert answer[:2] == query[:2]
    assert answer.endswith(socket.inet_aton("198.18.1.1"))
    six = query[:-4] + b"\0\x1c\0\1"
    assert struct.unpack_from("!HHH", world._answer(six, "198.18.1.1"), 2) == (0x8180, 1, 0)


def test_the_world_hears_whom_a_caller_wants() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="some.example")
    with pytest.raises(ssl.SSLWantReadError):
        talk.do_handshake()
    assert world._wanted(outgoing.read()) == "some.example"
    assert world._wanted(b"GET / HTTP/1.1\r\nHost: some.example\r\n\r\n") == "some.example"
    assert world._wanted(b"\0" * 600) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/usr/bin/python3.11", "-m", "jupyterlab", "--no-browser"], "python -m jupyterlab"),
        (["/usr/bin/python3", "/x/y/tool.py", "/z/w"], "python3 tool.py w"),
        (["/opt/ollama", "serve"], "ollama serve"),
        (
            ["/usr/lib/chromium", "--type=utility", "--utility-sub-type=network.mojom.Network"],
            "chromium Network",
        ),
    ],
)
def test_processes_in_words(words: list[str], said: str) -> None:
    assert in_words(words) == said


def test_what_the_browser_does_with_nothing_in_it_is_taken_off_once() -> None:
    seen = Seen("seccomp", code=0)
    for role, host in (("blank", "update.example"), ("page", "update.example"), ("page", "b.c")):
        seen.add(Contact("chromium", 1, "name", host, 53, "", role))
    seen.add(Contact("python -m jupyterlab", 2, "name", "update.example", 53))
    proof = Proof(seen, [{"step": "The end", "ok": True}], ["https://page.example/x"])
    hosts = [(each.process, each.host) for each in proof.contacts]
    assert hosts == [
        ("chromium", "b.c"),
        ("python -m jupyterlab", "update.example"),
        ("JupyterLab's page", "https://page.example/x"),
    ]
    assert not proof.ok
