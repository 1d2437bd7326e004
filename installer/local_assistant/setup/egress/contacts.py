"""What was seen: who contacted whom, and how much was looked at.

Contract: plain data, as ``doctor --egress --json`` prints it. A contact is an attempt, whether
or not it came through.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Contact:
    """One host that a process named or sent to.

    Attributes:
        process: what it runs, in a few words.
        pid: the process.
        how: ``name`` (it was looked up), ``connect``, ``send``, or ``request`` of the page.
        host: the name, or the address where no name is known.
        port: of the host; of the resolver for a name.
        address: the address where ``host`` is a name; the resolver's for a name.
        role: of the browser without a page, whose contacts count for nothing: ``blank``.
    """

    process: str
    pid: int
    how: str
    host: str
    port: int = 0
    address: str = ""
    role: str = ""

    def as_dict(self) -> dict[str, Any]:
        names = ("process", "pid", "how", "host", "port", "address")
        return {name: getattr(self, name) for name in names}


@dataclass
class Seen:
    """Everything that was seen of one program and its descendants.

    Attributes:
        method: ``seccomp``, or ``polling``, which sees less.
        why: it is the poorer method.
        where: ``answers`` or ``silent`` (a box), or ``here`` and why.
        looked_at: system calls looked at, by name.
        contacts: in order; each once.
        code: the program's exit code.
    """

    method: str
    why: str = ""
    where: str = "here"
    looked_at: Counter[str] = field(default_factory=Counter)
    contacts: list[Contact] = field(default_factory=list)
    code: int | None = None

    def add(self, contact: Contact) -> None:
        if contact not in self.contacts:
            self.contacts.append(contact)
