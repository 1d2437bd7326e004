"""Prompts from templates and conversations, and what a template says of its model."""

from __future__ import annotations

from typing import Any

import pytest

from local_assistant.engine.gotemplate import (
    has_tool_round_trip,
    parse,
    render_chat,
    render_prompt,
    thinking_tags,
    tool_tag,
)

OLD = "{{ if .System }}S:{{ .System }}\n{{ end }}{{ if .Prompt }}U:{{ .Prompt }}\n{{ end }}A:"
OLD_WITH_RESPONSE = OLD + "{{ .Response }}<end>\n"
NEW = """{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "tool" }}<tool_response>{{ .Content }}</tool_response>
{{- else }}<{{ .Role }}>{{ .Content }}
{{- if .ToolCalls }}<tool_call>
{{- range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{- end }}</tool_call>
{{- end }}
{{- end }}
{{- if and $last (ne .Role "assistant") }}<assistant>{{ end }}
{{- end }}"""
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Say < or >",
            "parameters": {
                "type": "object",
                "required": ["city"],
                "properties": {
                    "unit": {"type": ["string", "null"], "enum": ["c", 1]},
                    "city": {"type": "string", "description": "where"},
                },
            },
        },
    }
]


def said(*turns: str) -> list[dict[str, Any]]:
    """Messages from ``role: text`` lines."""
    pairs = (turn.split(": ", 1) for turn in turns)
    return [{"role": role, "content": content} for role, content in pairs]


def test_an_old_template_is_run_turn_by_turn() -> None:
    messages = said("system: be nice", "user: hi", "assistant: yo", "user: ok")
    assert render_chat(parse(OLD_WITH_RESPONSE), messages) == (
        "S:be nice\nU:hi\nA:yo<end>\nU:ok\nA:"
    )


def test_an_old_template_without_a_response_gets_one() -> None:
    messages = said("user: hi", "assistant: yo", "user: ok", "assistant: I begin")
    assert render_chat(parse(OLD), messages) == "U:hi\nA:yoU:ok\nA:I begin"


def test_a_template_with_messages_is_run_once() -> None:
    messages = said("system: be nice", "user: hi", "assistant: yo", "user: ok")
    assert render_chat(parse(NEW), messages) == (
        "<system>be nice<user>hi<assistant>yo<user>ok<assistant>"
    )


def test_neighbours_of_one_role_are_one_message_but_tool_results_are_not() -> None:
    messages = said("system: a", "system: b", "user: x", "user: y", "tool: 1", "tool: 2")
    assert render_chat(parse(NEW + "{{ .System }}"), messages) == (
        "<system>a\n\nb<user>x\n\ny<tool_response>1</tool_response><tool_response>2"
        "</tool_response><assistant>a\n\nb"
    )
    assert messages == said("system: a", "system: b", "user: x", "user: y", "tool: 1", "tool: 2")


def test_tool_calls_are_shown_as_go_writes_json() -> None:
    call = {"function": {"name": "f", "arguments": {"z": 1, "a": "<x>", "big": 10**21}}}
    messages = [*said("user: hi"), {"role": "assistant", "content": "", "tool_calls": [call]}]
    assert render_chat(parse(NEW), messages) == (
        '<user>hi<assistant><tool_call>{"name": "f", "arguments": '
        '{"a":"\\u003cx\\u003e","big":1e+21,"z":1}}</tool_call>'
    )


def test_tools_are_shown_with_the_fields_of_the_api() -> None:
    shown = render_chat(parse("{{ .Tools }}{{ if .Messages }}{{ end }}"), said("user: x"), TOOLS)
    assert shown == (
        '[{"type":"function","function":{"name":"weather","description":"Say \\u003c or \\u003e",'
        '"parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string",'
        '"description":"where"},"unit":{"type":["string","null"],"enum":["c",1]}}}}}]'
    )
    listed = parse(
        "{{ range .Tools }}{{ range $n, $p := .Function.Parameters.Properties }}"
        "{{ $n }}: {{ toTypeScriptType $p }} ({{ $p.Type }}); {{ end }}{{ end }}"
        "{{ if .Messages }}{{ end }}"
    )
    assert render_chat(listed, said("user: x"), TOOLS) == (
        "city: string (string); unit: string | null ([string null]); "
    )


@pytest.mark.parametrize(
    ("think", "shown"),
    [(None, "false  false"), (False, "false  true"), (True, "true medium true"),
     ("high", "true high true")],
)  # fmt: skip
def test_thinking_is_told_to_the_template(think: Any, shown: str) -> None:
    template = parse("{{ .Think }} {{ .ThinkLevel }} {{ .IsThinkSet }}{{ if .Messages }}{{ end }}")
    assert render_chat(template, said("user: x"), think=think) == shown


def test_a_suffix_is_shown_without_messages_or_system() -> None:
    template = parse("{{ if .Suffix }}<P>{{ .Prompt }}<S>{{ .Suffix }}<M>{{ else }}" + NEW +
                     "{{ end }}{{ if .System }}never{{ end }}")  # fmt: skip
    assert render_prompt(template, "def f(", "return", system="s") == "<P>def f(<S>return<M>"
    assert render_prompt(template, "", "return", system="s") == "<P><S>return<M>"


def test_a_prompt_without_a_suffix_is_a_user_message() -> None:
    assert render_prompt(parse(NEW), "hi", system="s") == "<system>s<user>hi<assistant>"


def test_what_a_template_mentions() -> None:
    template = parse('{{ define "x" }}{{ .Suffix }}{{ end }}{{ template "x" $.Other }}')
    assert template.uses("Suffix") and template.uses("other") and template.uses("Response")
    assert not template.uses("Messages")


def test_tags_of_thinking_and_tools() -> None:
    template = parse(
        "{{ range .Messages }}{{ if .Thinking }}\n<think>{{ .Thinking }}</think>\n{{ end }}"
        "{{ if .ToolCalls }}{{ range .ToolCalls }} [CALLS] {{ . }}{{ end }}{{ end }}{{ end }}"
    )
    assert thinking_tags(template) == ("<think>", "</think>")
    assert tool_tag(template) == "[CALLS]"
    assert thinking_tags(parse("<a>{{ .Thinking }}</a>")) == ("", "")
    assert tool_tag(parse("{{ .Prompt }}")) == "{"
    assert tool_tag(parse(NEW)) == "<tool_call>"


def test_a_tool_round_trip_needs_tools_calls_and_results() -> None:
    assert not has_tool_round_trip(parse(NEW))
    assert has_tool_round_trip(parse("{{ .Tools }}" + NEW))
