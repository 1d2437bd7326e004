"""What ``doctor --egress`` says: before, and of what came out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from local_assistant.cli.result import Line, Table

if TYPE_CHECKING:
    from local_assistant.setup.egress.proof import Proof

_POORER = (
    "Open connections were looked at ten times a second instead. What is over in between, and "
    "names that were only looked up, were missed."
)


def beginning(seconds: float, browser: str | None) -> Iterator[str]:
    """Yield what is going to happen."""
    page = f"with a page in {browser}" if browser else "without a browser"
    yield f"A JupyterLab of its own is used for {seconds:.0f} s or longer, {page}, and watched."


def lines(proof: Proof) -> list[Line | Table]:
    """Return the outcome."""
    out: list[Line | Table] = list(_table(proof))
    seen = proof.seen
    if seen.method == "polling":
        out.append(Line(f"{seen.why} {_POORER}", "note"))
    elif seen.where.startswith("here,"):
        out.append(Line(f"In this machine's own network: {seen.where[6:]}.", "note"))
    if proof.outside:
        what = f"The model server at {proof.outside} ran before: what it contacts was not watched."
        out.append(Line(what, "note"))
    if not proof.complete:
        out.append(Line("Not everything could be tried, so this proves less.", "bad"))
    return out


def _table(proof: Proof) -> Iterator[Line | Table]:
    looked_at = proof.seen.looked_at
    count = sum(looked_at.values())
    kinds = ", ".join(f"{number} {name}" for name, number in sorted(looked_at.items()))
    pages = "" if proof.requests is None else f"; requests of the page: {proof.requests}"
    if not proof.contacts:
        if proof.seen.method == "polling":
            yield Line(f"No connection off this machine was seen ({kinds}){pages}.", "good")
            return
        said = f"Nothing left this machine. System calls looked at: {count} ({kinds}){pages}."
        yield Line(said, "good")
        return
    yield Table(
        ("PROCESS", "PID", "HOW", "HOST", "PORT", "ADDRESS"),
        [
            (each.process, str(each.pid or ""), each.how, each.host, str(each.port or ""),
             each.address)
            for each in proof.contacts
        ],
    )  # fmt: skip
    hosts = len({each.host for each in proof.contacts})
    yield Line(
        f"Hosts contacted: {hosts}. System calls looked at: {count} ({kinds}){pages}.", "bad"
    )
