"""The journal of a download, and what the environment says about the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant.engine.pull.network import Network, relevant
from local_assistant.engine.pull.parts import Parts, there_already

MIB = 1 << 20
SIZE = 3 * MIB + 10


def opened(blob: Path, size: int = SIZE) -> Parts:
    parts = Parts(blob, size, MIB)
    parts.open()
    return parts


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    return tmp_path / "sha256-ab"


def fill(parts: Parts, count: int) -> None:
    """Write so many bytes into the next part."""
    part = parts.take()
    assert part is not None
    with parts.data.open("r+b") as file:
        file.seek(part.at)
        file.write(b"x" * count)
    parts.wrote(part, count)


def test_what_was_written_is_known_after_a_kill(blob: Path) -> None:
    parts = opened(blob)
    fill(parts, MIB)
    fill(parts, MIB)
    parts.close()  # nothing else is written at the end
    again = opened(blob)
    assert again.completed == 2 * MIB == there_already(blob, SIZE)
    assert again.reached == 2 * MIB
    part = again.take()
    assert part is not None
    assert (part.start, part.end) == (2 * MIB, 3 * MIB)


def test_a_gap_is_waited_for(blob: Path) -> None:
    parts = opened(blob)
    assert parts.take() is not None  # somebody else is at it
    fill(parts, MIB)
    assert (parts.reached, parts.completed) == (0, MIB)


@pytest.mark.parametrize(
    "damage",
    [
        lambda journal, data: journal.write_bytes(b"\xff{"),
        lambda journal, data: journal.write_text('{"size": 5, "part": 1048576}\n0 5\n'),
        lambda journal, data: journal.write_text('{"size": "x"}\n'),
        lambda journal, data: data.unlink(),
        lambda journal, data: data.write_bytes(b""),
    ],
)
def test_a_journal_that_does_not_fit_counts_as_none(blob: Path, damage: object) -> None:
    parts = opened(blob)
    fill(parts, MIB)
    parts.close()
    assert callable(damage)
    damage(blob.with_name("sha256-ab-parts"), parts.data)
    assert there_already(blob, SIZE) == 0
    assert opened(blob).completed == 0


def test_a_torn_last_line_costs_that_line_only(blob: Path) -> None:
    parts = opened(blob)
    fill(parts, MIB)
    parts.close()
    journal = blob.with_name("sha256-ab-parts")
    journal.write_text(journal.read_text() + "1 ")
    assert there_already(blob, SIZE) == MIB


def test_the_end_leaves_the_blob_only(blob: Path) -> None:
    parts = opened(blob, 5)
    fill(parts, 5)
    parts.finish(blob)
    assert blob.read_bytes() == b"xxxxx"
    assert [path.name for path in blob.parent.iterdir()] == [blob.name]


PROXIES = {
    "HTTPS_PROXY": "http://proxy:3128",
    "NO_PROXY": "corp.example,.inner.example,10.0.0.0/8,other.example:8443",
}


@pytest.mark.parametrize(
    ("host", "port", "proxied"),
    [
        ("registry.example", 443, True),
        ("corp.example", 443, False),
        ("hub.corp.example", 443, False),
        ("a.inner.example", 443, False),
        ("mycorp.example", 443, True),
        ("10.1.2.3", 443, False),
        ("11.1.2.3", 443, True),
        ("other.example", 8443, False),
        ("other.example", 443, True),
        ("localhost", 443, False),
        ("127.0.0.1", 443, False),
        ("::1", 443, False),
    ],
)
def test_which_hosts_are_reached_through_the_proxy(host: str, port: int, proxied: bool) -> None:
    assert bool(Network(PROXIES).proxy("https", host, port)) is proxied


def test_small_letters_win_and_a_scheme_may_be_left_out() -> None:
    network = Network({"https_proxy": "small:1", "HTTPS_PROXY": "http://big:2"})
    assert network.proxy("https", "x.example", 443) == "http://small:1"
    assert network.proxy("http", "x.example", 80) == ""
    everywhere = Network({"ALL_PROXY": "http://all:1", "NO_PROXY": "*"})
    assert everywhere.proxy("http", "x.example", 80) == ""


def test_only_what_matters_is_sent_to_the_engine() -> None:
    given = {"https_proxy": "a", "HF_TOKEN": "b", "PATH": "c", "AWS_SECRET": "d"}
    assert relevant(given) == {"https_proxy": "a", "HF_TOKEN": "b"}


def test_the_hub_and_its_token_come_from_the_environment() -> None:
    network = Network({"HF_ENDPOINT": "http://127.0.0.1:1/", "HF_TOKEN": " hf_x\n"})
    assert (network.hub, network.hub_token()) == ("http://127.0.0.1:1", "hf_x")
