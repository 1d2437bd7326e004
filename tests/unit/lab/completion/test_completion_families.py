"""Which tokens a model is asked with, from its name, its vocabulary or its template."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.lab.completion import families
from local_assistant.lab.completion.families import Family, family_for, wants_vocabulary
from local_assistant.lab.completion.prompt import mode_for

NAMES: dict[str, Family | None] = {
    "assistant-demo:latest": families.DEMO,
    "qwen2.5-coder:1.5b": families.QWEN_CODER,
    "qwen2.5-coder:7b-base-q8_0": families.QWEN_CODER,
    "qwen3-coder:30b": families.QWEN_CODER,
    "hf.co/unsloth/Qwen2.5-Coder-1.5B-Instruct-GGUF:Q4_K_M": families.QWEN_CODER,
    "codeqwen:7b": families.CODEQWEN,
    "deepseek-coder:1.3b-base": families.DEEPSEEK,
    "deepseek-coder-v2:16b": families.DEEPSEEK,
    "codellama:7b-code": families.CODELLAMA,
    "codellama:7b-python": None,
    "starcoder2:3b": families.STARCODER,
    "codegemma:2b": families.CODEGEMMA,
    "codestral:22b": families.CODESTRAL,
    "granite-code:3b": families.GRANITE_CODE,
    "stable-code:3b": families.STABLE_CODE,
    "codegeex4:9b": families.CODEGEEX,
    "llama3.2:1b": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_by_name(name: str) -> None:
    assert family_for(name, {}) is NAMES[name]


def test_a_copy_is_known_by_its_base() -> None:
    show = {"model_info": {"general.basename": "Qwen2.5-Coder"}}
    assert family_for("assistant-completion", show) is families.QWEN_CODER


TEMPLATES = {
    "prefix first": (
        "{{- if .Suffix }}<A>{{ .Prompt }}<B>{{ .Suffix }}<C>{{ else }}{{ .Prompt }}{{ end }}",
        ("<A>", "<B>", "<C>", False),
    ),
    "suffix first": (
        "{{- if .Suffix }}<S>{{ .Suffix }}<P>{{ .Prompt }}<M>\n{{ end }}",
        ("<P>", "<S>", "<M>", True),
    ),
    "blanks": (
        "{{ if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>{{ end }}",
        ("<PRE> ", " <SUF>", " <MID>", False),
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_by_template(name: str) -> None:
    template, wanted = TEMPLATES[name]
    found = family_for("mine", {"template": template})
    assert found is not None
    assert (found.pre, found.suf, found.mid, found.suffix_first) == wanted


@pytest.mark.parametrize(
    "template",
    [
        "{{ .Prompt }}",
        "{{- if .Suffix }}{{ .Prompt }}{{ .Suffix }}{{ end }}",
        "{{- if .Suffix }}<A>{{ .Prompt }}{{ end }}",
        # What our own engine writes to tell clients that a model inserts; no real tokens.
        "{{- if .Suffix }}<prefix>{{ .Prompt }}<suffix>{{ .Suffix }}<middle>{{ end }}",
    ],
)
def test_templates_without_tokens(template: str) -> None:
    assert family_for("mine", {"template": template}) is None


def info(**more: Any) -> dict[str, Any]:
    return {
        "model_info": {
            "general.architecture": "llama",
            "tokenizer.ggml.fim_pre_token_id": 1,
            "tokenizer.ggml.fim_suf_token_id": 2,
            "tokenizer.ggml.fim_mid_token_id": 3,
            **more,
        }
    }


def test_by_the_vocabulary() -> None:
    tokens = {"tokenizer.ggml.tokens": ["x", "<p>", "<s>", "<m>", "<end>"]}
    assert wants_vocabulary("mine", info())
    found = family_for("mine", info(**tokens, **{"tokenizer.ggml.eos_token_id": 4}))
    assert found is not None
    assert (found.pre, found.suf, found.mid) == ("<p>", "<s>", "<m>")
    assert "<end>" in found.stops
    assert not wants_vocabulary("mine", info(**tokens))


def test_code_llamas_tokens_in_a_vocabulary() -> None:
    tokens = {"tokenizer.ggml.tokens": ["x", "▁<PRE>", "▁<SUF>", "▁<MID>"]}
    assert family_for("mine", info(**tokens)) is families.CODELLAMA


def test_tokens_that_a_chat_model_was_not_trained_with() -> None:
    found = family_for("qwen2.5:7b", info(**{"general.architecture": "qwen2"}))
    assert found is families.QWEN and not found.trained
    assert not wants_vocabulary("qwen2.5:7b", info(**{"general.architecture": "qwen2"}))


def test_ids_out_of_range_are_no_tokens() -> None:
    show = info(**{"tokenizer.ggml.tokens": ["x"]})
    assert family_for("mine", show) is None


def test_modes() -> None:
    assert mode_for(families.QWEN_CODER, "auto", inserts=True) == "line_last"
    assert mode_for(families.QWEN_CODER, "psm", inserts=True) == "psm"
    assert mode_for(families.CODESTRAL, "line_last", inserts=True) == "spm"
    assert mode_for(None, "auto", inserts=True) == "suffix"
    assert mode_for(None, "line_last", inserts=False) == "prefix"
