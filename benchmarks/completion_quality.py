"""``python -m benchmarks completion-quality``: which order of the prompt suits a model.

200 lines of standard-library code that the demo model has not seen (the test suite's: its
training left tests out) are cut at the beginning of a word and inside one, and asked for in
both orders, with the text around them as in an editor. Measured for each: exact line ends and
first tokens at temperature 0, and the mean log-probability of the true line end. ``healed``
ends the prompt at the last boundary of words and lets the model write the typed part of the
word, too; ``both`` is what the assistant does: healed, else the whole line.
"""

from __future__ import annotations

import random
import re
import statistics
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local_assistant.lab.completion import families
from local_assistant.lab.completion.place import locate
from local_assistant.lab.completion.prompt import Limits, Prompt, build
from local_assistant.lab.completion.request import parse

LINES = 200
SEED = 20261121
ORDERS = ("line_last", "psm")
PLACES = ("word start", "mid-word")
FORMS = ("whole", "healed", "both")
_LIMITS = Limits(1_400, 0)
_MOST_TOKENS = 12
_PROBABILITIES = 1_024
_WORD = re.compile(r"[A-Za-z]{4,}")


@dataclass(frozen=True)
class Sample:
    """One line of real code, cut."""

    place: str
    before: str
    end: str
    after: str


@dataclass
class Scores:
    """What one way of asking came to."""

    exact: list[bool]
    first: list[bool]
    log_probability: list[float]


def samples(count: int = LINES, seed: int = SEED) -> list[Sample]:
    """Return ``count`` lines, each cut in both places."""
    rng = random.Random(seed)
    root = Path(sysconfig.get_paths()["stdlib"]) / "test"
    files = sorted(root.glob("test_*.py"))
    if not files:
        raise SystemExit(f"This Python has no test suite in {root} to take unseen lines from.")
    found: list[Sample] = []
    while len(found) < 2 * count:
        text = rng.choice(files).read_text(encoding="utf-8", errors="ignore")
        found += _cuts(rng, text)
    return found


def _cuts(rng: random.Random, text: str) -> list[Sample]:
    lines = text.splitlines(keepends=True)
    if len(lines) < 30:
        return []
    at = rng.randrange(10, len(lines) - 5)
    line = lines[at].rstrip()
    code = line.strip()
    if not 12 <= len(code) <= 80 or code.startswith(("#", '"', "'")) or not line.isascii():
        return []
    words = [m for m in _WORD.finditer(line) if m.start() > len(line) - len(code)]
    if not words:
        return []
    word = rng.choice(words)
    before, after = "".join(lines[:at]), "\n" + "".join(lines[at + 1 : at + 30])
    return [
        Sample(place, before + line[:cut], line[cut:], after)
        for place, cut in (
            ("word start", word.start()),
            ("mid-word", rng.randrange(word.start() + 1, word.end())),
        )
    ]


class Model:
    """llama.cpp in this process, for probabilities that Ollama's API does not give."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def tokens(self, text: str) -> list[int]:
        answer = self._http.post("/tokenize", json={"content": text, "parse_special": True})
        found: list[int] = answer.json()["tokens"]
        return found

    def line(self, prompt: str, stops: tuple[str, ...]) -> str:
        """Return the line that the model writes at temperature 0."""
        body = {"prompt": prompt, "n_predict": 48, "stop": ["\n", *stops], "temperature": 0}
        return str(self._complete(body)["content"])

    def log_probabilities(self, prompt: str, text: str) -> list[tuple[float, bool]]:
        """Return for each token of ``text`` its log-probability, and whether it is the best."""
        ids, found = self.tokens(prompt), []
        for token in self.tokens(text)[:_MOST_TOKENS]:
            body = {"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": _PROBABILITIES}
            listed = self._complete(body)["completion_probabilities"][0]["top_logprobs"]
            known = {item["id"]: item["logprob"] for item in listed}
            # One that is not among the likeliest thousand is at most as likely as the last.
            found.append((known.get(token, listed[-1]["logprob"]), listed[0]["id"] == token))
            ids.append(token)
        return found

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post("/completion", json={**body, "cache_prompt": True})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


@contextmanager
def loaded(gguf: Path) -> Iterator[Model]:
    """Load a GGUF file."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(gguf)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [str(random.SystemRandom().getrandbits(128))]
    parameters.n_ctx = 1024
    parameters.n_parallel = 1
    # More would wait for each other on a machine that does other things, too.
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.verbosity = 0
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    headers = {"Authorization": f"Bearer {parameters.api_keys[0]}"}
    with httpx.Client(
        base_url=server.listening_address, headers=headers, timeout=300, trust_env=False
    ) as http:
        yield Model(http)


def prompt_for(sample: Sample, order: str) -> Prompt:
    """Return the prompt that the assistant would send."""
    request = parse(
        {
            "page": "b", "trigger": "auto", "path": "b.py", "mime": "text/x-python",
            "kind": "file", "cell_type": "code", "prefix": sample.before, "suffix": sample.after,
        }
    )  # fmt: skip
    mode: Any = order
    return build(locate(request), (), (), family=families.DEMO, mode=mode, limits=_LIMITS)


def measure(model: Model, lines: int = LINES) -> dict[tuple[str, str, str], Scores]:
    """Return the scores by order, place and form of the prompt."""
    scores = {
        (order, place, form): Scores([], [], [])
        for order in ORDERS
        for place in PLACES
        for form in FORMS
    }
    for sample in samples(lines):
        for order in ORDERS:
            prompt = prompt_for(sample, order)
            whole = model.line(prompt.whole, prompt.stops)
            healed = model.line(prompt.healed, prompt.stops)
            mends = healed.startswith(prompt.cut)
            for form, text, asked, said in (
                ("whole", sample.end, prompt.whole, whole),
                ("healed", prompt.cut + sample.end, prompt.healed, healed),
            ):
                found = model.log_probabilities(asked, text)
                into = scores[order, sample.place, form]
                into.exact.append(said.rstrip() == text)
                into.first.append(found[0][1])
                into.log_probability.append(sum(value for value, _ in found))
            both = scores[order, sample.place, "both"]
            both.exact.append(
                (healed[len(prompt.cut) :] if mends else whole).rstrip() == sample.end
            )
            used = "healed" if mends else "whole"
            both.first.append(scores[order, sample.place, used].first[-1])
            both.log_probability.append(scores[order, sample.place, used].log_probability[-1])
    return scores


def report(lines: int = LINES) -> dict[str, Any]:
    """Measure the demo model and return the figures, and what they say of the orders."""
    from local_assistant import paths

    with loaded(paths.demo_gguf()) as model:
        scores = measure(model, lines)
    rows = [
        {
            "order": order,
            "place": place,
            "prompt": form,
            "lines": len(found.exact),
            "exact": sum(found.exact),
            "first_token": sum(found.first),
            "log_probability": round(statistics.mean(found.log_probability), 3),
        }
        for (order, place, form), found in scores.items()
    ]
    return {"schema": 1, "ok": True, "rows": rows, "orders": _verdict(scores)}


def _verdict(scores: dict[tuple[str, str, str], Scores]) -> list[str]:
    """Compare the orders line by line: the mean difference and its standard error."""
    said = []
    for place in PLACES:
        for form in ("whole", "healed"):
            a, b = (scores[order, place, form].log_probability for order in ORDERS)
            differences = [x - y for x, y in zip(a, b, strict=True)]
            mean = statistics.mean(differences)
            error = statistics.stdev(differences) / len(differences) ** 0.5
            apart = abs(mean) > 2 * error
            better = ORDERS[0] if mean > 0 else ORDERS[1]
            end = f"{better} is better" if apart else "the model cannot tell the orders apart"
            said.append(f"{place}, {form}: {mean:+.2f} ± {error:.2f} nats a line: {end}")
    return said


def show(result: dict[str, Any]) -> None:
    """Print the figures as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("order", "place", "prompt", "exact line ends", "first token", "log-prob"):
        table.add_column(heading)
    for row in result["rows"]:
        of = row["lines"]
        table.add_row(
            row["order"], row["place"], row["prompt"], f"{row['exact']} of {of}",
            f"{row['first_token']} of {of}", f"{row['log_probability']:.2f}",
        )  # fmt: skip
    console = Console(width=120)
    console.print(table)
    for line in result["orders"]:
        console.print(line)
