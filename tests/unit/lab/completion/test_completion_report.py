"""Budgets and the state: what is learnt from answers, what is remembered of errors."""

from __future__ import annotations

from local_assistant.config import AssistantConfig
from local_assistant.errors import AssistantError
from local_assistant.lab.completion import families
from local_assistant.lab.completion.budget import Budget
from local_assistant.lab.completion.generation import Counts
from local_assistant.lab.completion.report import Report, is_missing, mode_of, reason_of
from local_assistant.lab.completion.runs import too_long
from local_assistant.lab.completion.settings import describe
from local_assistant.lab.completion.target import Target
from local_assistant.lab.completion.upstream import ModelServer
from local_assistant.server import Choice, ServerError
from local_assistant.server.endpoint import Endpoint
from tests.unit.lab.completion.states import state

CONFIG = AssistantConfig()
ENDPOINT = Endpoint("embedded", "http://127.0.0.1:1", "t", "0", True, "")


def target(context: int = 4096, trained: int = 32_768) -> Target:
    choice = Choice(ENDPOINT, "m", "completion")
    return Target(choice, ModelServer(ENDPOINT), families.QWEN_CODER, True, trained, context)


def test_a_prompt_is_never_longer_than_the_context() -> None:
    budget = Budget()
    for context in (512, 1024, 4096, 100_000):
        tokens = budget.limits(target(context), CONFIG).characters / 2.5
        assert tokens + CONFIG.completion.max_tokens <= context
        assert tokens <= 3_072
    assert budget.limits(target(4096, trained=1024), CONFIG).characters / 2.5 < 1024


def test_other_writings_have_fewer_characters_in_a_token() -> None:
    budget, model = Budget(), target()
    latin = budget.limits(model, CONFIG, "x = 1\n" * 100).characters
    assert budget.limits(model, CONFIG, "# 数据分析\n" * 100).characters < latin / 2


def test_too_long_a_prompt_makes_the_next_ones_shorter() -> None:
    budget, model = Budget(), target()
    before = budget.limits(model, CONFIG).characters
    budget.too_long(model)
    assert budget.limits(model, CONFIG).characters < before


def test_counts_of_two_attempts_add_up() -> None:
    counts = Counts()
    counts.add({"prompt_eval_count": 10, "cached_count": 8, "eval_count": 1})
    counts.add({"prompt_eval_count": 12, "cached_count": 11, "eval_count": 4})
    counts.add({})
    assert (counts.evaluated, counts.cached, counts.generated) == (3, 19, 5)


def test_tokens_of_an_answer_that_was_left_count_too() -> None:
    counts = Counts()
    counts.piece()  # left after two
    counts.piece()
    for _ in range(3):
        counts.piece()
    counts.add({"prompt_eval_count": 9, "cached_count": 9, "eval_count": 4}, 3)
    assert counts.generated == 2 + 4


def test_what_was_evaluated_is_unknown_where_the_cache_is_not_told() -> None:
    counts = Counts()
    counts.add({"prompt_eval_count": 3_000, "prompt_eval_duration": 1_000_000, "eval_count": 4})
    assert (counts.evaluated, counts.cached, counts.generated) == (None, None, 4)


def test_a_refused_prompt_is_told_from_other_refusals() -> None:
    for said in (
        "request (5000 tokens) exceeds the available context size (4096 tokens)",
        "the prompt is longer than the context length currently available to the model",
        "the input length exceeds the context length",
    ):
        assert too_long(ServerError(f"Ollama says: {said}.", None, 400)), said
    for said in ("failed to create context with model", "the model needs 9 GB of memory"):
        assert not too_long(ServerError(f"Ollama says: {said}.", None, 500)), said


def test_looking_forgets_what_a_look_can_tell_and_no_more() -> None:
    report, full = Report(), ServerError("It needs 9 GB of memory.", None, 500)
    report.failed(full, CONFIG)
    report.found(CONFIG)
    assert report.error is full and report.holds_back(state("x‸"), CONFIG)
    report.found(CONFIG.model_copy(update={"models": CONFIG.models.model_copy()}))
    assert report.error is full
    models = CONFIG.models.model_copy(update={"completion": "smaller"})
    report.found(CONFIG.model_copy(update={"models": models}))
    assert report.error is None
    for error in (AssistantError("It is down.", None), ServerError("no such model", None, 404)):
        report.failed(error, CONFIG)
        report.found(CONFIG)
        assert report.error is None


def test_after_an_error_typing_does_not_try_again_at_once() -> None:
    report = Report()
    report.failed(AssistantError("It is down.", "Start it."), CONFIG)
    assert report.holds_back(state("x‸"), CONFIG)
    assert not report.holds_back(state("x‸", trigger="invoke"), CONFIG)
    other = CONFIG.model_copy(update={"models": CONFIG.models.model_copy(update={"chat": "x"})})
    assert not report.holds_back(state("x‸"), other)
    report.works()
    assert not report.holds_back(state("x‸"), CONFIG)


def test_states() -> None:
    report, model = Report(), target()

    def now(loading: bool = False, busy: bool = False, config: AssistantConfig = CONFIG) -> str:
        status = report.status(config, model, loading=loading, busy=busy)
        assert isinstance(status["state"], str)
        return status["state"]

    assert now() == "ready"
    assert now(busy=True) == "generating"
    assert now(busy=True, loading=True) == "loading"
    report.failed(AssistantError("It is down.", "Start it."), CONFIG)
    assert now() == "error"
    off = CONFIG.completion.model_copy(update={"enabled": False})
    assert now(config=CONFIG.model_copy(update={"completion": off})) == "paused"
    report.works()
    model.family, model.inserts = None, False
    assert now() == "no_fim" and mode_of(model, CONFIG) == "prefix"


def test_a_missing_model_is_told_from_other_errors() -> None:
    assert reason_of(ServerError("model 'x' not found", None, 404)) == "no_model"
    assert reason_of(AssistantError('The model "x" is not installed.', "")) == "no_model"
    assert not is_missing(AssistantError("It is down.", ""))


def test_every_setting_of_the_panel_is_described() -> None:
    for name, about in describe()["values"].items():
        assert about["description"], name
        assert about["kind"] in ("bool", "int", "str", "choice"), name
        assert (about["min"] is not None) == (about["kind"] == "int"), name
