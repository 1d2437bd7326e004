"""Go's template language, as far as the templates of Ollama's models use it.

Contract: a model's template is text from the network: nothing here reaches a file, a
process or a Python attribute, and parsing and running are bounded. What is not supported
(complex numbers, ``call``, ``html``, ``js``, ``urlquery``) is refused by name at parsing.
"""

from local_assistant.engine.gotemplate.chat import render_chat, render_prompt
from local_assistant.engine.gotemplate.errors import TemplateError
from local_assistant.engine.gotemplate.inspection import (
    has_tool_round_trip,
    thinking_tags,
    tool_tag,
)
from local_assistant.engine.gotemplate.template import Template, parse

__all__ = [
    "Template",
    "TemplateError",
    "has_tool_round_trip",
    "parse",
    "render_chat",
    "render_prompt",
    "thinking_tags",
    "tool_tag",
]
