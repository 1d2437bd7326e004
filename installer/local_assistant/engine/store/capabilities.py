"""What a model can do here, and which of its templates is shown.

Contract: pure but for the cache of parsed templates; Ollama's own rules, with three
differences. A template layer that says no more than ``{{ .Prompt }}`` never replaces the GGUF's
own chat template; a model whose GGUF names fill-in-the-middle tokens has ``insert``, whatever its
template; and nothing has ``vision``, because images are not supported.
"""

from __future__ import annotations

import functools

from local_assistant.engine.gguf.header import Header
from local_assistant.engine.gotemplate import (
    Template,
    TemplateError,
    has_tool_round_trip,
    parse,
    thinking_tags,
)
from local_assistant.engine.store.stored import StoredModel

_ROUND_TRIP_MARKS = (
    "tool_response", "tool_results", "role'] == 'tool'", "role'] == \"tool\"",
    "role\"] == 'tool'", 'role"] == "tool"', "message.role == 'tool'", 'message.role == "tool"',
    "ipython",
)  # fmt: skip
_THINK_SPLITS = ("content.split('</think>')", 'content.split("</think>")')
_HARMONY_FAMILIES = ("gptoss", "gpt-oss")
_BARE = ("{{ .Prompt }}", "{{.Prompt}}")
"""What ``ollama show --modelfile`` writes for a model without a template."""
_ABSENT = ("vision", "audio", "image")


def capabilities(model: StoredModel, header: Header) -> list[str]:
    """Return what ``/api/show`` and ``/api/tags`` list.

    Every model embeds here, but only one that does nothing else says so: the ``ollama``
    command asks a model that lists ``embedding`` for vectors, even when told to chat.
    """
    configured = model.config.get("capabilities")
    found = [str(each) for each in configured] if isinstance(configured, list) else []
    template = _parsed(model.template) if model.template else None
    own = uses_chat_template(model, header)
    if own:
        found += _of_chat_template(header.chat_template)
    found.append("embedding" if header.embeds_only else "completion")
    if template is not None and not own:
        found += _of_go_template(template)
    if model.config.get("model_family") in _HARMONY_FAMILIES:
        found.append("thinking")
    inserts = header.inserts or (template is not None and template.uses("suffix"))
    if inserts and not header.embeds_only:
        found.append("insert")
    return [each for each in dict.fromkeys(found) if each not in _ABSENT]


def shown_template(model: StoredModel, header: Header) -> str:
    """Return the template that ``/api/show`` shows, empty where there is none.

    The Go template, unless the GGUF's own can do more, or Ollama would take code of its own
    in the template's place: clients look into this text for ``tools``.
    """
    if uses_chat_template(model, header):
        return header.chat_template
    return model.template


def uses_chat_template(model: StoredModel, header: Header) -> bool:
    """Return whether the GGUF's own chat template writes the prompts, not the Go template.

    It does where there is no Go template, where it can do more than that one, and where Ollama
    would take code of its own in both templates' place.
    """
    if not header.chat_template:
        return False
    template = _parsed(model.template) if model.template else None
    if template is None or model.template.strip() in _BARE:
        return True
    own_code = model.config.get("renderer") or model.config.get("parser") or _is_harmony(model)
    return bool(own_code) or _prefers_own(header.chat_template, template)


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> Template | None:
    try:
        return parse(text)
    except TemplateError:
        return None


def _of_chat_template(text: str) -> list[str]:
    found = []
    if _has_tools(text):
        found.append("tools")
    whole = "<think>" in text and "</think>" in text
    split = any(mark in text for mark in _THINK_SPLITS)
    if whole or (split and "reasoning_content" not in text and "<SPECIAL_12>" not in text):
        found.append("thinking")
    return found


def _of_go_template(template: Template) -> list[str]:
    found = []
    if template.uses("tools"):
        found.append("tools")
    if template.uses("suffix"):
        found.append("insert")
    if all(thinking_tags(template)):
        found.append("thinking")
    return found


def _prefers_own(chat_template: str, template: Template) -> bool:
    """Return whether the GGUF's own chat template does more than the Go template."""
    own, go = _of_chat_template(chat_template), _of_go_template(template)
    round_trip = _has_tools(chat_template) and _has_round_trip(chat_template)
    if len(own) > len(go):
        return round_trip or not has_tool_round_trip(template)
    if set(own) != set(go) or "tools" not in own:
        return False
    return round_trip and not has_tool_round_trip(template)


def _has_tools(text: str) -> bool:
    return "tools" in text or "tool_call" in text


def _has_round_trip(text: str) -> bool:
    calls = "tool_calls" in text or "assistant_tool_call" in text
    return calls and any(mark in text for mark in _ROUND_TRIP_MARKS)


def _is_harmony(model: StoredModel) -> bool:
    marked = "<|start|>" in model.template and "<|end|>" in model.template
    return marked and model.config.get("model_family") in _HARMONY_FAMILIES
