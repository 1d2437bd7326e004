"""Variants of models: what they hold, and when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.config import AssistantConfig
from local_assistant.models.modelfiles import variants

QWEN = "qwen2.5-coder:1.5b"
CHAT = "<|im_start|>{{ .Prompt }}<|im_end|>"
STOPS = ["<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]


def config(**chat: Any) -> AssistantConfig:
    return AssistantConfig.model_validate({"chat": chat})


def shown(template: str = CHAT, parameters: str = "") -> dict[str, Any]:
    return {"template": template, "parameters": parameters, "capabilities": ["completion"]}


def test_without_settings_a_chat_model_needs_no_variant() -> None:
    assert variants.request("chat", QWEN, shown(), config()) is None


def test_settings_of_the_chat_are_in_its_variant() -> None:
    body = variants.request(
        "chat", QWEN, shown(), config(context_tokens=8192, temperature=0.1, max_tokens=300)
    )
    expected = {"num_ctx": 8192, "temperature": 0.1, "num_predict": 300}
    assert body == {"from": QWEN, "parameters": expected}


def test_what_the_model_says_itself_is_not_said_again() -> None:
    said = "num_ctx                        8192\ntemperature                    0.1"
    same = config(context_tokens=8192, temperature=0.1)
    assert variants.request("chat", QWEN, shown(parameters=said), same) is None
    body = variants.request("chat", QWEN, shown(parameters=said), config(temperature=0.2))
    assert body == {"from": QWEN, "parameters": {"temperature": 0.2}}


def test_a_completion_variant_stops_and_fills_in_the_middle() -> None:
    body = variants.request("completion", QWEN, shown(), config(context_tokens=4096))
    assert body is not None
    assert body["parameters"]["num_ctx"] == 4096
    assert body["parameters"]["temperature"] == 0
    assert set(STOPS) < set(body["parameters"]["stop"])
    assert body["template"] == (
        "{{- if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>"
        f"{{{{ else }}}}{CHAT}{{{{ end }}}}"
    )


def test_the_models_own_stops_are_kept_and_its_fim_left_alone() -> None:
    own = shown("{{ if .Suffix }}x{{ end }}", 'stop                           "<a \\"b\\">"')
    body = variants.request("completion", QWEN, own, config())
    assert body is not None
    assert body["parameters"]["stop"][0] == '<a "b">'
    assert "template" not in body


@pytest.mark.parametrize("template", ["", "{{ .Prompt }}"])
def test_a_template_of_the_gguf_is_not_replaced(template: str) -> None:
    body = variants.request("completion", QWEN, shown(template), config())
    assert body is not None
    assert "template" not in body


def test_an_unknown_family_gets_neither() -> None:
    body = variants.request("completion", "some-model:1b", shown(), config())
    assert body == {"from": "some-model:1b", "parameters": {"temperature": 0}}


def test_a_template_with_quotes_of_its_own_comes_through() -> None:
    odd = 'a """\n{{ .Prompt }}\n# b """'
    body = variants.request("completion", QWEN, shown(odd), config())
    assert body is not None
    assert f"{{{{ else }}}}{odd}{{{{ end }}}}" in body["template"]


def test_what_a_variant_is_made_of() -> None:
    base = ("chat", QWEN, "d1", config())
    same = variants.inputs(*base)  # type: ignore[arg-type]
    assert variants.inputs("chat", QWEN, "d1", config()) == same
    others = [
        variants.inputs("chat", QWEN, "d2", config()),
        variants.inputs("completion", QWEN, "d1", config()),
        variants.inputs("chat", "other", "d1", config()),
        variants.inputs("chat", QWEN, "d1", config(temperature=0.5)),
    ]
    assert len({same, *others}) == 5


def test_only_what_is_set_is_in_a_filled_template() -> None:
    text = "# ${a}\nFROM ${a}\nPARAMETER x ${b}\nPARAMETER y ${c}\nPARAMETER z 1\n"
    filled = variants.fill(text, {"a": "m", "b": None, "c": ["1", "2"]})
    assert filled == "# ${a}\nFROM m\nPARAMETER y 1\nPARAMETER y 2\nPARAMETER z 1\n"
