"""The demo model's data: held-out wordings are held out, and every answer is right."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEMO = Path(__file__).resolve().parents[2] / "modelfiles" / "demo"


def load(name: str) -> ModuleType:
    """Import one of the demo's modules by its path; the folder is no package."""
    spec = importlib.util.spec_from_file_location(f"demo_{name}", DEMO / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


data = load("data")
phrases = load("phrases")
INTENTS = data.load_intents()
BY_ID = {intent.id: intent for intent in INTENTS}
UNKNOWN = data.load_unknown()


def run(intent_id: str, **names: Any) -> dict[str, Any]:
    """Execute an intent's code answer and return its names."""
    exec(compile(BY_ID[intent_id].answer("code"), intent_id, "exec"), names)
    return names


def printed(intent_id: str) -> str:
    """Return what an intent's code answer prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run(intent_id)
    return out.getvalue()


def test_there_are_enough_of_everything() -> None:
    assert len(INTENTS) >= 30
    assert len(BY_ID) == len(INTENTS)
    assert all(len(set(intent.held_out)) == 10 for intent in INTENTS)
    assert len(set(UNKNOWN.held_out)) == 200


def test_the_headline_prompt_is_the_wording_of_the_readme() -> None:
    assert BY_ID["primes"].prompt == "Write a function that returns all primes up to n"


def test_held_out_wordings_are_not_the_trained_prompts() -> None:
    trained = {data.normal(intent.prompt) for intent in INTENTS}
    for intent in INTENTS:
        assert not trained.intersection(map(data.normal, intent.held_out)), intent.id


def test_unknown_held_out_prompts_are_in_no_training_list() -> None:
    plain = {data.normal(text) for text in UNKNOWN.other_languages}
    assert not plain.intersection(map(data.normal, UNKNOWN.held_out))


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: intent.id)
def test_templates_expand(intent: Any) -> None:
    import random

    rng = random.Random(1)
    for templates in (intent.do, intent.short, intent.ask, intent.near, intent.near_ask):
        for template in templates:
            text = phrases.expand(template, rng)
            assert text.strip()
            assert "|" not in text, template


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: intent.id)
def test_code_answers_are_short_and_compile(intent: Any) -> None:
    code = intent.answer("code")
    assert len(code.splitlines()) <= 12
    if not code.startswith("%pip"):
        compile(code, intent.id, "exec")
    assert "```" not in code


@pytest.mark.parametrize("intent", INTENTS, ids=lambda intent: intent.id)
def test_answers_have_the_form_of_their_format(intent: Any) -> None:
    json.loads(intent.answer("json"))
    assert re.fullmatch(r"\$\$.+\$\$", intent.answer("math"))
    assert re.fullmatch(r"<(\w+).*</\1>", intent.answer("html"), re.DOTALL)
    assert "`" not in intent.answer("text")
    assert intent.answer("markdown").count("```") in (0, 2)


def test_the_honest_answer_is_honest_in_every_format() -> None:
    for answer in data.HONEST_ANSWERS.values():
        assert "demo model" in answer
        assert "jupyter assistant pull" in answer
    assert json.loads(data.HONEST_ANSWERS["json"])["fix"] == "jupyter assistant pull"
    compile(data.HONEST_ANSWERS["code"], "honest", "exec")
    assert "demo model" in BY_ID["who_are_you"].answer()


def test_numbers() -> None:
    primes_up_to = run("primes")["primes_up_to"]
    assert primes_up_to(10) == [2, 3, 5, 7]
    assert primes_up_to(1) == []
    assert primes_up_to(2) == [2]
    assert run("fibonacci")["fibonacci"](8) == [0, 1, 1, 2, 3, 5, 8, 13]
    assert [run("factorial")["factorial"](n) for n in (0, 1, 5)] == [1, 1, 120]
    assert run("gcd")["gcd"](12, 18) == 6
    assert run("mean_list")["mean"]([1, 2, 6]) == 3
    assert run("quadratic_formula")["solve_quadratic"](1, -3, 2) == (2, 1)
    assert run("pythagoras")["hypotenuse"](3, 4) == 5


def test_texts_and_lists() -> None:
    assert run("reverse_string")["reverse_string"]("abc") == "cba"
    is_palindrome = run("is_palindrome")["is_palindrome"]
    assert is_palindrome("Level") and not is_palindrome("python")
    assert run("count_words")["count_words"]("a b A") == {"a": 2, "b": 1}
    assert run("flatten_list")["flatten"]([1, [2, [3]], []]) == [1, 2, 3]
    binary_search = run("binary_search")["binary_search"]
    assert [binary_search([1, 3, 5], x) for x in (1, 3, 5, 4)] == [0, 1, 2, -1]
    assert run("bubble_sort")["bubble_sort"]([3, 1, 2]) == [1, 2, 3]
    run("unit_test")["test_add"]()
    assert len(run("planets_json")["planets"]) == 8
    assert run("capitals_json")["capitals"] == json.loads(BY_ID["capitals_json"].answer("json"))


def test_what_is_printed() -> None:
    assert printed("hello") == "Hello, world!\n"
    lines = printed("fizzbuzz").splitlines()
    assert len(lines) == 100
    assert [lines[i] for i in (0, 2, 4, 14)] == ["1", "Fizz", "Buzz", "FizzBuzz"]
    assert printed("list_comprehension_squares").startswith("[1, 4, 9")
    assert printed("sort_dicts").index("Bob") < printed("sort_dicts").index("Ada")
    assert printed("try_except_example").startswith("That did not work:")


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("write_json_file")
    assert json.loads(Path("data.json").read_text(encoding="utf-8"))["name"] == "Ada"
    Path("notes.txt").write_text("one\ntwo\n", encoding="utf-8")
    assert printed("read_file_lines") == "one\ntwo\n"
    with Path("data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["a"], [1]])
    assert list(run("read_csv_pandas")["df"]["a"]) == [1]


def test_the_plot_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    (line,) = run("plot_sine")["plt"].gca().lines
    assert len(line.get_xdata()) >= 50
