"""Parts of the text endpoints: prompts, thinking, tool calls, what is left out, numbers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from local_assistant.engine.api.embed import were_raw
from local_assistant.engine.gguf.header import Header, read_header
from local_assistant.engine.text import answers, fim, rendering
from local_assistant.engine.text.thinking import ThinkingParser, without_thinking
from local_assistant.engine.text.tool_calls import NativeCalls, ToolParser
from local_assistant.engine.wire.shapes import ApiError

WEATHER = [
    {"type": "function", "function": {"name": "get_weather"}},
    {"type": "function", "function": {"name": "get_weather_at"}},
    {"type": "function", "function": {"name": "say"}},
]


def _header(ids: dict[str, int] | None = None, **metadata: Any) -> Header:
    return Header(Path("x"), 1, metadata, 1, fim=ids or {})


def test_fill_in_the_middle() -> None:
    three = {"pre": 1, "suf": 2, "mid": 3}
    assert fim.prompt(_header(three), "a", "b") == ["", 1, "a", 2, "b", 3]
    assert fim.prompt(_header(three), "", "b") == ["", 1, 2, "b", 3]
    assert fim.prompt(_header({"pre": 1, "suf": 2}), "a", "b") == ["", 2, "b", 1, "a"]


@pytest.mark.parametrize(
    ("name", "first"),
    [("Mellum 4b Base", True), ("Seed Coder 8B Base", True),
     ("Qwen2.5 Coder 1.5B", False), ("deepseek-coder", False), ("", False)],
)  # fmt: skip
def test_families_with_the_suffix_first(name: str, first: bool) -> None:
    header = _header({"pre": 1, "suf": 2, "mid": 3}, **{"general.name": name})
    wanted = ["", 2, "b", 1, "a", 3] if first else ["", 1, "a", 2, "b", 3]
    assert fim.prompt(header, "a", "b") == wanted
    codestral = _header({"pre": 1, "suf": 2, "mid": 3}, **{"general.name": "Codestral 22B"})
    assert fim.prompt(codestral, "a", "b") == ["", 2, "b", 1, "a"]


@pytest.mark.parametrize(
    ("name", "tokens", "ids"),
    [("Codestral", ["a", "[SUFFIX]", "[PREFIX]"], {"suf": 1, "pre": 2}),
     ("Mistral", ["a", "[SUFFIX]", "[PREFIX]"], {}),
     ("Seed Coder", ["<[fim-suffix]>", "<[fim-prefix]>", "<[fim-middle]>"],
      {"suf": 0, "pre": 1, "mid": 2})],
)  # fmt: skip
def test_markers_in_the_vocabulary(
    tmp_path: Path, name: str, tokens: list[str], ids: dict[str, int]
) -> None:
    out = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    out.add_name(name)
    out.add_token_list(tokens)
    out.add_tensor("x", np.zeros(8, dtype=np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    assert read_header(tmp_path / "x.gguf").fim == ids


def test_native_tool_calls_are_put_together() -> None:
    calls = NativeCalls()
    assert calls.fields() == {}
    calls.take([{"index": 0, "id": "x", "function": {"name": "f", "arguments": '{"a"'}}])
    calls.take([{"index": 0, "function": {"arguments": ": 1}"}}])
    (call,) = calls.fields()["tool_calls"]
    assert call == {"id": "x", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
    calls.take([{"index": 1, "function": {"name": "g", "arguments": "{"}}])
    with pytest.raises(ApiError, match='the model called "g" with arguments that are no JSON'):
        calls.fields()


def _fed(parser: ToolParser, pieces: list[str]) -> tuple[list[tuple[str, Any]], str]:
    calls, text = [], ""
    for piece in pieces:
        found, shown = parser.add(piece)
        calls += [(call["function"]["name"], call["function"]["arguments"]) for call in found]
        text += shown
    return calls, text + parser.end()


CALL = '{"name": "get_weather", "arguments": {"city": "Bonn {x}"}}'
TOOL_TEXTS = [
    ("<tool_call>", f"<tool_call>\n{CALL}\n</tool_call>", [("get_weather", "Bonn {x}")], ""),
    ("<tool_call>", f"Let me see.<tool_call>{CALL}", [("get_weather", "Bonn {x}")], "Let me see."),
    ("<tool_call>", f"<tool_call>{CALL}</tool_call><tool_call>{CALL}",
     [("get_weather", "Bonn {x}")] * 2, ""),
    ("<tool_call>", "1 < 2 <tool", [], "1 < 2 "),
    ("[TOOL_CALLS]", f"[TOOL_CALLS][{CALL}]", [("get_weather", "Bonn {x}")], ""),
    ("{", CALL, [("get_weather", "Bonn {x}")], ""),
    ("{", '{"name": "other", "arguments": {}}', [], '{"name": "other", "arguments": {}}'),
    ("{", f"Say: {CALL}", [], f"Say: {CALL}"),
    ("{", '{"say": {"city": "Ulm"}}', [("say", "Ulm")], ""),
    ("<f>", '<f>{"name":"get_weather_at","parameters":"{\\"city\\": \\"Ulm\\"}"}',
     [("get_weather_at", "Ulm")], ""),
    ("<f>", '<f>{"name": "say"}', [("say", None)], ""),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "said", "calls", "text"), TOOL_TEXTS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_tool_calls_in_text(
    tag: str, said: str, calls: list[tuple[str, Any]], text: str, size: int
) -> None:
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    found, shown = _fed(ToolParser(tag, WEATHER), pieces)
    assert [(name, arguments.get("city")) for name, arguments in found] == calls
    if calls and tag == "{":
        shown = shown.strip("{}")
    assert shown == text


@pytest.mark.parametrize(
    ("said", "thinking", "answer"),
    [("<think> hm </think> so", "hm ", "so"), ("  <think>\nhm\n</think>\n\nso\n", "hm\n", "so\n"),
     ("so <think>hm</think>", "", "so <think>hm</think>"), ("  so", "", "  so"),
     ("<think>a</think><think>b</think>", "a", "<think>b</think>"), ("<think>hm", "hm", ""),
     ("<thin", "", "<thin"), ("<think>a</thin", "a</thin", ""), ("", "", "")],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_thinking_in_text(said: str, thinking: str, answer: str, size: int) -> None:
    parser = ThinkingParser()
    parts = [parser.add(said[at : at + size]) for at in range(0, len(said), size)]
    parts.append(parser.end())
    assert "".join(part[0] for part in parts) == thinking
    assert "".join(part[1] for part in parts) == answer


def test_thinking_that_the_prompt_begins() -> None:
    parser = ThinkingParser()
    parser.begin("<|im_start|>assistant\n<think>\n")
    assert parser.add("\nhm</think>") == ("hm", "")
    assert parser.add("\n\nso") == ("", "so")
    assert without_thinking("<think>a</think>b") == "b"


def test_messages_in_llama_form() -> None:
    given = {
        "role": "Assistant",
        "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
        "thinking": "hm",
    }
    told = rendering.openai_message(given)
    assert told["role"] == "assistant"
    assert told["content"] == ""
    assert told["reasoning_content"] == "hm"
    assert told["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    answer = rendering.openai_message({"role": "tool", "content": "3", "tool_name": "f"})
    assert answer == {"role": "tool", "content": "3", "tool_call_id": "call_0", "name": "f"}


@pytest.mark.parametrize("room", [0, 10, 55, 250, 649, 650, 2000])
def test_which_messages_are_left_out(room: int) -> None:
    """As few of the oldest as must be, never a system message or the last."""

    def say(role: str, size: int) -> dict[str, Any]:
        return {"role": role, "content": "x" * size}

    async def length(some: list[dict[str, Any]]) -> int:
        return sum(len(each["content"]) for each in some)

    messages = [say("system", 50), *(say("user", 100) for _ in range(8)), say("user", 10)]
    kept = asyncio.run(rendering.fitting(messages, room, length))
    assert kept[0] is messages[0]
    assert kept[-1] is messages[-1]
    dropped = len(messages) - len(kept)
    assert kept[1:] == messages[1 + dropped :]
    if len(kept) > 2:
        assert asyncio.run(length(kept)) <= room
    if dropped > 1:
        more = [messages[0], *messages[dropped:]]
        assert asyncio.run(length(more)) > room


def test_probabilities() -> None:
    found = [
        {"token": "é", "id": 5, "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -1}]}
    ]
    plain = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    top = [{"token": "a", "logprob": -1, "bytes": [97]}]
    assert answers.probabilities_of(found, top=False) == [plain]
    assert answers.probabilities_of(found, top=True) == [{**plain, "top_logprobs": top}]
    assert answers.probabilities_of([{"token": ""}], top=True) == [{"token": "", "logprob": 0}]
    assert answers.probabilities_of(None, top=True) == []


@pytest.mark.parametrize(
    ("architecture", "more", "raw"),
    [("bert", {}, False), ("bert", {"normalize_embeddings": False}, True),
     ("bert", {"tokenizer.ggml.model": "t5"}, True), ("nomic-bert", {}, True),
     ("nomic-bert", {"normalize_embeddings": True}, False), ("qwen3", {}, False)],
)  # fmt: skip
def test_whose_older_vectors_are_raw(architecture: str, more: dict[str, Any], raw: bool) -> None:
    known = {"general.architecture": architecture, f"{architecture}.pooling_type": 1, **more}
    assert were_raw(_header(**known)) is raw
    assert were_raw(_header(**{"general.architecture": architecture})) is False
