"""The request that %%ai sends."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.config import AssistantConfig
from local_assistant.lab.magics.ask import request
from local_assistant.lab.magics.grammar import Question
from local_assistant.lab.prompts import FORMAT_PROMPTS, SYSTEM_PROMPT
from local_assistant.server import Choice, Endpoint

HERE = Endpoint("embedded", "http://127.0.0.1:11435", None, "0.30.0", True, "")


def _body(model: str = "qwen2.5-coder:1.5b", output: str = "markdown", **chat: Any) -> Any:
    config = AssistantConfig.model_validate({"chat": chat, "server": {"keep_alive": "7m"}})
    return _asked(Question(format=output), config, model)


def _asked(question: Question, config: AssistantConfig, model: str = "m") -> Any:
    prompt = [{"role": "user", "content": "Hi"}]
    return request(Choice(HERE, model, "chat"), config, question, prompt)


def test_only_what_is_set_is_sent() -> None:
    """Above all no num_ctx: another one than the loaded one would reload the model."""
    assert _body() == {
        "model": "qwen2.5-coder:1.5b",
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": "Hi"},
        ],
        "stream": True,
        "truncate": False,
        "keep_alive": "7m",
        "options": {},
    }


def test_what_is_set_is_sent() -> None:
    options = _body(temperature=0.5, context_tokens=4096, max_tokens=100)["options"]
    assert options == {"temperature": 0.5, "num_ctx": 4096, "num_predict": 100}


@pytest.mark.parametrize("name", ["assistant-demo", "assistant-demo:latest"])
def test_the_demo_model_answers_the_same_every_time(name: str) -> None:
    assert _body(name)["options"] == {"temperature": 0}
    assert _body(name, temperature=1.0)["options"] == {"temperature": 1.0}


@pytest.mark.parametrize("output", [name for name, text in FORMAT_PROMPTS.items() if text])
def test_a_format_is_asked_for_behind_the_users_system_prompt(output: str) -> None:
    (system, _) = _body(output=output, system_prompt="Answer in Latin.")["messages"]
    assert system["content"] == f"Answer in Latin. {FORMAT_PROMPTS[output]}"


def test_options_of_the_line_win_over_the_file() -> None:
    config = AssistantConfig.model_validate({"chat": {"temperature": 0.5, "max_tokens": 9}})
    question = Question(temperature=0.0, max_tokens=3, system="Short.", format="text")
    body = _asked(question, config)
    assert body["options"] == {"temperature": 0.0, "num_predict": 3}
    assert body["messages"][0]["content"] == f"Short. {FORMAT_PROMPTS['text']}"


def test_an_empty_system_prompt_sends_none() -> None:
    body = _asked(Question(system=""), AssistantConfig())
    assert [message["role"] for message in body["messages"]] == ["user"]
