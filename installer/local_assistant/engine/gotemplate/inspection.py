"""What a template tells about its model, besides prompts.

Contract: pure; Ollama's own guesses, so that a model has the same capabilities in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from local_assistant.engine.gotemplate import nodes
from local_assistant.engine.gotemplate.template import Template


def thinking_tags(template: Template) -> tuple[str, str]:
    """Return what the template puts around ``.Thinking`` of a message; ``""`` for nothing.

    The first and last text of the block that shows the thinking count.
    """
    tags = ["", ""]
    for field, above in _fields(template.root, ()):
        if field.names[0] != "Thinking":
            continue
        ranges = [node for node in above if isinstance(node, nodes.Branch) and node.kind == "range"]
        if not ranges or not _mentions(ranges[-1].pipe, "Messages"):
            continue
        block = next(node for node in reversed(above) if isinstance(node, nodes.Block))
        for index, node in enumerate((block.nodes[0], block.nodes[-1])):
            if isinstance(node, nodes.Text):
                tags[index] = node.text.strip()
    return tags[0], tags[1]


def tool_tag(template: Template) -> str:
    """Return what the template writes before a tool call; ``{`` for bare JSON."""
    branch = _tool_calls(template.root.nodes)
    text = _first_text(branch.body.nodes) if branch is not None else None
    if text is None:
        return "{"
    return text.text.replace("\r\n", "\n").partition("{")[0].strip() or "{"


def has_tool_round_trip(template: Template) -> bool:
    """Return whether calls and results of tools find their way back into the prompt."""
    if not (template.uses("tools") and template.uses("toolcalls")):
        return False
    marks = ('eq .Role "tool"', "tool_response", "TOOL_RESULTS")
    return any(mark in template.text for mark in marks)


def _fields(
    node: nodes.Node, above: tuple[nodes.Node, ...]
) -> Iterator[tuple[nodes.Field, tuple[nodes.Node, ...]]]:
    if isinstance(node, nodes.Field):
        yield node, above
    for child in nodes.children(node):
        yield from _fields(child, (*above, node))


def _mentions(pipe: nodes.Pipe, name: str) -> bool:
    return any(field.names[0] == name for field, _ in _fields(pipe, ()))


def _tool_calls(statements: Sequence[nodes.Statement]) -> nodes.Branch | None:
    """Return the first ``if`` whose condition looks at ``.ToolCalls``."""
    for node in statements:
        if not isinstance(node, nodes.Branch):
            continue
        args = [arg for command in node.pipe.commands for arg in command.args]
        if node.kind == "if" and any(
            isinstance(arg, nodes.Field) and "ToolCalls" in arg.names for arg in args
        ):
            return node
        for block in (node.body, node.otherwise):
            found = _tool_calls(block.nodes) if block is not None else None
            if found is not None:
                return found
    return None


def _first_text(statements: Sequence[nodes.Statement]) -> nodes.Text | None:
    """Return the first text that is not blank; an action before it ends the search."""
    for node in statements:
        if isinstance(node, nodes.Text):
            if node.text.strip():
                return node
        elif isinstance(node, nodes.Branch):
            body = _first_text(node.body.nodes)
            if body is not None or node.otherwise is None:
                return body
            return _first_text(node.otherwise.nodes)
        elif isinstance(node, nodes.Action):
            return None
    return None
