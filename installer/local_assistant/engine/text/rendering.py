"""What a model is sent: messages in llama.cpp's form, prompts, and how they are made to fit.

Contract: the model's Go template counts, or the GGUF's own chat template (llama.cpp runs it)
where there is no other or it can do more, as in Ollama; without both the prompt goes as it is.
A conversation that does not fit loses its oldest messages, never a system message or the last
one; a prompt that does not fit keeps its first tokens and its end, as in Ollama. Both are told
in the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from local_assistant.engine import gotemplate
from local_assistant.engine.gguf.header import Header
from local_assistant.engine.runtime.scheduler import Loaded
from local_assistant.engine.runtime.upstream import UpstreamError
from local_assistant.engine.store.capabilities import uses_chat_template
from local_assistant.engine.store.store import StoredModel
from local_assistant.engine.text import fim, generation
from local_assistant.engine.text.thinking import CLOSING, OPENING, ThinkingParser, without_thinking
from local_assistant.engine.wire.requests import GenerateRequest, TextRequest
from local_assistant.engine.wire.shapes import ApiError

Message = dict[str, Any]
Prompt = str | list[int | str] | list[int]

_PLAIN = "{{ .Prompt }}"
_TOO_LONG_TEXT = (
    "the prompt is longer than the context length currently available to the model; shorten "
    "the prompt, adjust the context length in settings, or use a model with a longer context "
    "length"
)


_PROPERTIES, _ALTERNATIVES, _TYPES = "properties", "alternatives", "types"
_PROPERTY_ORDER = {"anyOf": _ALTERNATIVES, "type": _TYPES, "items": None, "description": None,
                   "enum": None, "properties": _PROPERTIES, "required": None}  # fmt: skip
_PARAMETERS_ORDER = {"type": None, "$defs": None, "items": None, "required": None,
                     "properties": _PROPERTIES}  # fmt: skip
_FUNCTION_ORDER = {"name": None, "description": None, "parameters": _PARAMETERS_ORDER}
_TOOL_ORDER = {"type": None, "items": None, "function": _FUNCTION_ORDER}


def native(model: StoredModel, header: Header) -> bool:
    """Whether llama.cpp renders this model's chats, by the GGUF's own template."""
    return not model.template or uses_chat_template(model, header)


def parsed(text: str) -> gotemplate.Template:
    """Return a Go template.

    Raises:
        ApiError: it is none, or uses what is not supported here.
    """
    try:
        return gotemplate.parse(text)
    except gotemplate.TemplateError as error:
        raise ApiError(500, str(error)) from error


def thinking_parser(
    model: StoredModel, header: Header, request: TextRequest
) -> ThinkingParser | None:
    """Return what tells thinking from answer in text; ``None`` where there is no telling."""
    if not request.think:
        return None
    if native(model, header):
        both = OPENING in header.chat_template and CLOSING in header.chat_template
        return ThinkingParser() if both else None
    opening, closing = gotemplate.thinking_tags(parsed(model.template))
    return ThinkingParser(opening, closing) if opening and closing else None


def conversation(model: StoredModel, header: Header, messages: list[Message]) -> list[Message]:
    """Return a chat's messages with what the model's own definition puts in front."""
    joined = [dict(each) for each in model.messages] + messages
    if model.system and messages[0].get("role") != "system":
        joined.insert(0, {"role": "system", "content": model.system})
    if header.architecture == "qwen3" or model.name.model.lower() == "deepseek-r1":
        asked = [index for index, each in enumerate(joined) if each.get("role") == "user"]
        for each in joined[: asked[-1] if asked else 0]:
            if each.get("role") == "assistant" and each.get("content"):
                each["content"] = without_thinking(str(each["content"]))
    return joined


def native_body(
    messages: list[Message], request: TextRequest, tools: list[Any] | None = None
) -> dict[str, Any]:
    """Return the fields of a chat that decide its prompt, in llama.cpp's form."""
    body: dict[str, Any] = {"messages": [openai_message(each) for each in messages]}
    if request.think is not None:
        kwargs: dict[str, Any] = {"enable_thinking": bool(request.think)}
        if isinstance(request.think, str):
            kwargs["reasoning_effort"] = request.think
        body["chat_template_kwargs"] = kwargs
    if tools:
        body["tools"] = [_ordered(tool, _TOOL_ORDER) for tool in tools]
    return body


def _ordered(value: Any, order: dict[str, Any]) -> Any:
    """Return a tool with its fields in Ollama's order: templates write them as they come.

    What Ollama would drop stays, at the end.
    """
    if not isinstance(value, dict):
        return value
    known = {
        key: _inside(value[key], inner)
        for key, inner in order.items()
        if value.get(key) is not None
    }
    return known | {key: item for key, item in value.items() if key not in order}


def _inside(value: Any, inner: Any) -> Any:
    if inner is _PROPERTIES and isinstance(value, dict):
        return {name: _ordered(each, _PROPERTY_ORDER) for name, each in value.items()}
    if inner is _ALTERNATIVES and isinstance(value, list):
        return [_ordered(each, _PROPERTY_ORDER) for each in value]
    if inner is _TYPES and isinstance(value, list) and len(value) == 1:
        return value[0]
    return _ordered(value, inner) if isinstance(inner, dict) else value


async def generate_prompt(
    request: GenerateRequest, model: StoredModel, header: Header, loaded: Loaded
) -> Prompt:
    """Return the prompt of ``/api/generate``.

    Raises:
        ApiError: a template is wrong, or the context holds tokens of another model.
    """
    if request.raw:
        return request.prompt
    before = ""
    if request.context is not None:
        before = await generation.detokenize(loaded, request.context)
    own = request.template or (model.template if "suffix" in model.template.lower() else "")
    if request.suffix and own and parsed(own).uses("suffix"):
        return before + await asyncio.to_thread(
            _rendered,
            lambda: gotemplate.render_prompt(
                parsed(own), request.prompt, request.suffix, think=request.think
            ),
        )
    if request.suffix and not request.template:
        parts = fim.prompt(header, request.prompt, request.suffix)
        return [before, *parts] if before else parts
    messages = _question(request, model)
    if request.template:
        return before + await _go_prompt(request.template, header, messages, None, request.think)
    if header.chat_template and native(model, header):
        return before + await generation.apply_template(loaded, native_body(messages, request))
    text = model.template or _PLAIN
    return before + await _go_prompt(text, header, messages, [], request.think)


def _question(request: GenerateRequest, model: StoredModel) -> list[Message]:
    system = request.system or model.system
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    if request.context is None:
        messages += [dict(each) for each in model.messages]
    return [*messages, {"role": "user", "content": request.prompt}]


async def go_chat_prompt(
    model: StoredModel,
    header: Header,
    messages: list[Message],
    tools: list[Any],
    think: bool | str | None,
) -> str:
    """Return a chat's prompt by the model's Go template."""
    return await _go_prompt(model.template, header, messages, tools, think)


async def _go_prompt(
    text: str,
    header: Header,
    messages: list[Message],
    tools: list[Any] | None,
    think: bool | str | None,
) -> str:
    # In a thread: a template of somebody's may take seconds, and others are to be answered.
    prompt = await asyncio.to_thread(
        _rendered, lambda: gotemplate.render_chat(parsed(text), messages, tools, think)
    )
    if header.metadata.get("tokenizer.ggml.add_bos_token"):
        # llama.cpp writes it, too.
        prompt = prompt.removeprefix("<bos>")
    return prompt


def _rendered(render: Callable[[], str]) -> str:
    try:
        return render()
    except gotemplate.TemplateError as error:
        raise ApiError(500, str(error)) from error


async def shortened(prompt: Prompt, request: TextRequest, loaded: Loaded, keep: int) -> list[int]:
    """Return the tokens of a prompt that is too long, without its middle.

    Raises:
        ApiError: the request does not want that.
    """
    if not request.shift:
        raise ApiError(400, _TOO_LONG_TEXT)
    tokens = await generation.tokenize(loaded, prompt, special=True)
    most = loaded.context - 1
    first = len(tokens) if keep < 0 else keep
    if loaded.header.metadata.get("tokenizer.ggml.add_bos_token"):
        first += 1
    first = min(first, most)
    size = loaded.context - max((loaded.context - first) // 2, 1)
    return tokens[:first] + tokens[len(tokens) - (size - first) :]


async def fitting(
    messages: list[Message], room: int, length: Callable[[list[Message]], Awaitable[int]]
) -> list[Message]:
    """Return the conversation without as many of its oldest messages as must go, as Ollama.

    Where the template refuses a part of it (those of Gemma and Mistral do not begin with an
    answer), what is kept begins with a message of the user's. The last one is kept in any case.

    Args:
        room: tokens that the prompt may have.
        length: tells a conversation's tokens.
    """

    async def fits(count: int) -> bool:
        return await length(_without_oldest(messages, count)) <= room

    async def fits_and_is_taken(count: int) -> bool:
        try:
            return await fits(count)
        except UpstreamError:
            return False

    last = len(messages) - 1
    try:
        count = await _first(range(1, last), fits)
    except UpstreamError:
        turns = [index for index in range(1, last) if _role(messages[index]) == "user"]
        count = await _first(turns, fits_and_is_taken)
    return _without_oldest(messages, last if count is None else count)


async def _first(counts: Sequence[int], fits: Callable[[int], Awaitable[bool]]) -> int | None:
    """Return the smallest of ascending numbers that fits, where all above it do, too."""
    low, high = 0, len(counts)
    while low < high:
        middle = (low + high) // 2
        if await fits(counts[middle]):
            high = middle
        else:
            low = middle + 1
    return counts[low] if low < len(counts) else None


def _role(message: Message) -> str:
    return str(message.get("role") or "").lower()


def _without_oldest(messages: list[Message], count: int) -> list[Message]:
    kept = [each for each in messages[:count] if _role(each) == "system"]
    return kept + messages[count:]


def openai_message(message: Message) -> Message:
    """Return a chat message in the form that llama.cpp's server reads."""
    role = _role(message)
    out: Message = {"role": role, "content": message.get("content") or ""}
    if message.get("thinking"):
        out["reasoning_content"] = message["thinking"]
    calls = message.get("tool_calls")
    if calls:
        out["tool_calls"] = [_openai_call(index, call) for index, call in enumerate(calls)]
    if role == "tool":
        out["tool_call_id"] = str(message.get("tool_call_id") or "call_0")
        if message.get("tool_name"):
            out["name"] = message["tool_name"]
    return out


def _openai_call(index: int, call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    return {
        "id": str(call.get("id") or f"call_{index}"),
        "type": "function",
        "function": {
            "name": str(function.get("name", "")),
            "arguments": json.dumps(function.get("arguments") or {}),
        },
    }
