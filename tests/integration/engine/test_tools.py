"""Tools: offered in the prompt, called in the answer, by both kinds of template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import ollama
import pytest
from langchain_core.tools import tool
from langchain_ollama import ChatOllama

from local_assistant.engine.launch import EngineInfo
from tests.integration.engine.http_checks import lines, prompt_of, refused, user, whole
from tests.integration.engine.talking_gguf import THINKING_TEMPLATE

SAYS = ("Well. ", "<tool_call>", '\n{"name": "get_weather", ',
        '"arguments": {"city": "Bonn"}}\n', "</tool_call>")  # fmt: skip
ALL = {"temperature": 0}
HI = [user("hi")]
CITY = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}
TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "Tells the weather.", "parameters": CITY}}
]  # fmt: skip
CALL = {"function": {"name": "get_weather", "arguments": {"city": "Ulm"}}}
GO_TEMPLATE = """{{- if .Tools }}TOOLS {{ .Tools }}
{{ end }}{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}{{ if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{- end }}</tool_call>{{ end }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


@pytest.fixture(scope="module", params=["chat template", "Go template"])
def caller(
    request: pytest.FixtureRequest, engine_http: httpx.Client, talking: Callable[..., str]
) -> str:
    if request.param == "chat template":
        return talking("caller", *SAYS, template=THINKING_TEMPLATE)
    base = talking("caller-base", *SAYS, template=None)
    body = {"model": "go-caller", "from": base, "template": GO_TEMPLATE, "stream": False}
    assert engine_http.post("/api/create", json=body).status_code == 200
    return "go-caller"


def _checked(calls: list[dict[str, Any]]) -> None:
    (call,) = calls
    assert list(call) == ["id", "function"]
    assert call["id"]
    function = {"index": 0, "name": "get_weather", "arguments": {"city": "Bonn"}}
    assert call["function"] == function
    assert list(call["function"]) == list(function)


def test_a_call_in_a_stream(engine_http: httpx.Client, caller: str) -> None:
    body = {"model": caller, "messages": HI, "tools": TOOLS, "options": ALL}
    *chunks, last = lines(engine_http, "chat", **body)
    assert chunks[0]["message"] == {"role": "assistant", "content": "Well. "}
    assert (last["done"], last["done_reason"]) == (True, "stop")
    carriers = [chunk for chunk in (*chunks, last) if "tool_calls" in chunk["message"]]
    assert len(carriers) == 1
    assert carriers[0]["message"]["content"] == ""
    # As in Ollama: with the last chunk, or as soon as it is known.
    assert carriers[0]["done"] == (not caller.startswith("go"))
    _checked(carriers[0]["message"]["tool_calls"])


def test_a_call_in_one_piece(engine_http: httpx.Client, caller: str) -> None:
    answer = whole(engine_http, "chat", model=caller, messages=HI, tools=TOOLS, options=ALL)
    assert answer["message"]["content"] == "Well. "
    _checked(answer["message"]["tool_calls"])


def test_without_tools_it_is_text(engine_http: httpx.Client, caller: str) -> None:
    for tools in ([], None):
        answer = whole(engine_http, "chat", model=caller, messages=HI, tools=tools, options=ALL)
        assert answer["message"] == {"role": "assistant", "content": "".join(SAYS)}


def test_what_the_model_is_told(engine_http: httpx.Client, caller: str) -> None:
    talk = [
        *HI,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "content": "9 degrees", "tool_name": "get_weather"},
    ]
    asked = prompt_of(engine_http, "chat", model=caller, messages=talk, tools=TOOLS)
    compact = asked.replace('": ', '":').replace(', "', ',"')
    assert '"name":"get_weather","description":"Tells the weather.","parameters":' in compact
    properties = '"required":["city"],"properties":{"city":{"type":"string"}}'
    assert properties in compact  # Ollama's order, whatever the client's
    assert '"arguments":{"city":"Ulm"}' in compact
    assert "9 degrees" in asked
    turned = {"properties": CITY["properties"], "required": ["city"], "type": "object"}
    other = [{"function": {"parameters": turned, "description": "Tells the weather.",
                           "name": "get_weather"}, "type": "function"}]  # fmt: skip
    assert prompt_of(engine_http, "chat", model=caller, messages=talk, tools=other) == asked


def test_tools_that_are_none(engine_http: httpx.Client, talking: Callable[..., str]) -> None:
    caller = talking("caller", *SAYS, template=THINKING_TEMPLATE)

    def refusal(tool: Any) -> tuple[int, str]:
        return refused(engine_http, "chat", model=caller, messages=HI, tools=[tool])

    assert refusal("f") == (
        400, "json: cannot unmarshal string into Go struct field ChatRequest.tools of type api.Tool"
    )  # fmt: skip
    status, why = refusal({})
    assert (status, why[:22]) == (500, "Failed to parse tools:")  # llama.cpp's, as with Ollama


def get_weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: where
    """
    return f"cold in {city}"


def test_the_client(engine_client: ollama.Client, caller: str) -> None:
    answer = engine_client.chat(caller, messages=HI, tools=[get_weather], options=ALL)
    (call,) = answer.message.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Bonn"})
    result = {"role": "tool", "content": "cold", "tool_name": "get_weather"}
    talk = [*HI, answer.message, result]
    again = list(engine_client.chat(caller, messages=talk, tools=[get_weather], stream=True))
    assert [call.function.name for part in again for call in part.message.tool_calls or []] == [
        "get_weather"
    ]


def test_langchain(engine: EngineInfo, engine_headers: dict[str, str], caller: str) -> None:
    known = {"headers": engine_headers, "trust_env": False}
    chat = ChatOllama(model=caller, base_url=engine.url, client_kwargs=known)
    answer = chat.bind_tools([tool(get_weather)]).invoke("hi")
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Bonn"})
