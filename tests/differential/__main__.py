"""The command: sets up, plays, compares, reports, takes away.

Contract: exit status 0 no unknown difference, 1 there are some, 2 wrong usage or a server
that does not answer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx

from tests.differential import case as cases_of
from tests.differential import compare, models, play
from tests.differential.case import Case
from tests.differential.catalogue import CASES
from tests.differential.compare import Difference, Known

HERE = Path(__file__).parent
DEMO_GGUF = HERE.parent.parent / "modelfiles" / "demo" / "assistant-demo.gguf"
_SHOWN_VALUE = 300


def main(arguments: list[str] | None = None) -> int:
    given = _arguments(arguments)
    chosen = [each for each in CASES if fnmatchcase(each.name, given.only)]
    files = models.files(given.gguf.read_bytes())
    digests = {model: play.digest_of(data) for model, data in files.items()}
    names = play.names()
    if given.model:
        names[cases_of.DEMO] = given.model
    servers = [
        play.Server(url, token, names, digests[cases_of.DEMO])
        for url, token in ((given.a, given.token_a), (given.b, given.token_b))
    ]
    bodies = models.wanted(digests)
    blobs = {digests[model]: data for model, data in files.items()}
    if given.model:
        del bodies[cases_of.DEMO]
    try:
        for server in servers:
            server.http.get("/api/version").raise_for_status()
        missing = _set_up(servers, bodies, blobs)
        found, unplayed = _play(chosen, servers, missing)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sys.stderr.write(f"a server does not answer: {error}\n")
        return 2
    finally:
        for server in servers:
            if not given.keep:
                with contextlib.suppress(httpx.HTTPError):  # it was never there, or is gone
                    models.take_away(server, list(bodies))
            server.http.close()
    known = compare.read_known(given.known)
    report = Report(chosen, found, unplayed, missing, known)
    sys.stdout.write(report.json() if given.json else report.text())
    return 1 if report.unknown or unplayed else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--a", required=True, metavar="URL", help="the one server")
    parser.add_argument("--b", required=True, metavar="URL", help="the other server")
    parser.add_argument("--token-a", metavar="TOKEN")
    parser.add_argument("--token-b", metavar="TOKEN")
    parser.add_argument("--model", metavar="NAME", help="use this model as the demo model")
    parser.add_argument("--gguf", type=Path, default=DEMO_GGUF, help="the file to import")
    parser.add_argument("--known", type=Path, default=HERE / "known.toml")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="cases by name")
    parser.add_argument("--keep", action="store_true", help="leave the models on the servers")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser.parse_args(arguments)


def _set_up(
    servers: list[play.Server], bodies: dict[str, dict[str, Any]], blobs: dict[str, bytes]
) -> dict[str, str]:
    missing: dict[str, str] = {}
    for label, server in zip("AB", servers, strict=True):
        for model, answer in models.set_up(server, bodies, blobs).items():
            missing[model] = f"{missing.get(model, '')} {label}: {answer}".strip()
    return missing


def _play(
    chosen: list[Case], servers: list[play.Server], missing: dict[str, str]
) -> tuple[list[Difference], list[str]]:
    found: list[Difference] = []
    unplayed: list[str] = []
    for each in chosen:
        if each.models() & set(missing):
            unplayed.append(each.name)
            continue
        a, b = ([answer.tree() for answer in server.play(each)] for server in servers)
        for index, (left, right) in enumerate(zip(a, b, strict=True)):
            place = f"$step{index + 1}" if len(a) > 1 else "$"
            found += compare.differences(each.name, left, right, place)
    return found, unplayed


class Report:
    """What is said in the end."""

    def __init__(
        self,
        chosen: list[Case],
        found: list[Difference],
        unplayed: list[str],
        missing: dict[str, str],
        known: list[Known],
    ) -> None:
        self._cases = {each.name: each for each in chosen}
        self._unplayed = unplayed
        self._missing = missing
        self.unknown: list[Difference] = []
        self._meant: list[tuple[Difference, str]] = []
        for each in found:
            reason = next((entry.reason for entry in known if entry.fits(each)), None)
            if reason is None:
                self.unknown.append(each)
            else:
                self._meant.append((each, reason))

    def _summary(self) -> dict[str, int]:
        different = {each.case for each in self.unknown}
        meant = {each.case for each, _ in self._meant} - different
        played = len(self._cases) - len(self._unplayed)
        return {
            "cases": len(self._cases),
            "played": played,
            "same": played - len(different) - len(meant),
            "known": len(meant),
            "different": len(different),
            "differences": len(self.unknown),
        }

    def json(self) -> str:
        value = {
            "schema": 1,
            "ok": not self.unknown and not self._unplayed,
            **self._summary(),
            "unknown": [each.json() for each in self.unknown],
            "meant": [{**each.json(), "reason": reason} for each, reason in self._meant],
            "not_played": self._unplayed,
            "models_missing": self._missing,
        }
        return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

    def text(self) -> str:
        lines: list[str] = []
        last = ""
        for each in self.unknown:
            if each.case != last:
                last = each.case
                steps = [play.shown(step) for step in self._cases[last].steps]
                lines += ["", last, *(f"    {step}" for step in steps)]
            lines += [f"  {each.place}", f"    A {_short(each.a)}", f"    B {_short(each.b)}"]
        counts = Counter(reason for _, reason in self._meant)
        if counts:
            lines += ["", "Known and meant:"]
            lines += [f"  {count:3}  {reason}" for reason, count in counts.most_common()]
        for model, answer in self._missing.items():
            lines += ["", f"The model {model} could not be made: {answer}"]
        if self._unplayed:
            lines.append(f"Not played for want of a model: {', '.join(self._unplayed)}")
        numbers = self._summary()
        lines += [
            "",
            f"{numbers['played']} of {numbers['cases']} cases played: {numbers['same']} the same, "
            f"{numbers['known']} differ as meant, {numbers['different']} differ "
            f"({numbers['differences']} places)",
        ]
        return "\n".join(lines).lstrip("\n") + "\n"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"


if __name__ == "__main__":
    sys.exit(main())
