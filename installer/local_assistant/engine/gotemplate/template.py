"""A parsed template, as Ollama's server holds one.

Contract: ``parse`` raises :class:`TemplateError`; a template that shows neither messages nor
a response gets ``{{ .Response }}`` at its end, as Ollama adds it. ``variables`` are the
lower-case names of all that the template mentions: they decide how it is run and what the
model is said to be capable of.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from local_assistant.engine.gotemplate import functions, nodes, parser, runtime
from local_assistant.engine.gotemplate.errors import TemplateError

MAX_TEXT = 256 * 1024
"""The largest of Ollama's library has a tenth; parsing takes a second for that much."""


@functools.lru_cache(maxsize=64)
def parse(text: str) -> Template:
    """Parse a template's text; it is remembered, as what it is does not change.

    Raises:
        TemplateError: it is not a template, or uses what is not supported (which it names).
    """
    if len(text) > MAX_TEXT:
        raise TemplateError(f"template: more than {MAX_TEXT} characters")
    try:
        return Template(text, parser.parse(text, functions.NAMES, functions.UNSUPPORTED))
    except RecursionError:
        raise TemplateError("template: :1: nested too deep") from None


class Template:
    """A template: its text, its blocks and what they mention."""

    def __init__(self, text: str, blocks: dict[str, nodes.Block]) -> None:
        self.text = text
        self.root = blocks[""]
        self._blocks = blocks
        names = {name.lower() for block in blocks.values() for name in _names(block)}
        if not names & {"messages", "response"}:
            end = len(text)
            field = nodes.Field(end, ["Response"])
            command = nodes.Command(end, [field])
            self.root.nodes.append(nodes.Action(end, nodes.Pipe(end, commands=[command])))
            names.add("response")
        self.variables = frozenset(names)

    def uses(self, name: str) -> bool:
        """Return whether the template mentions a field or variable, in any case."""
        return name.lower() in self.variables

    def render(self, values: dict[str, Any]) -> str:
        """Run the template on a map of values."""
        return runtime.run(self.text, self._blocks, self.root, values)

    def render_up_to_response(self, values: dict[str, Any]) -> str:
        """Run the template, leaving out what follows ``{{ .Response }}``.

        Ollama runs this copy of a template without its options: a field of what is missing
        is "no value" here, and not an error.
        """
        return runtime.run(self.text, self._blocks, _cut(self.root), values, missing=None)


def _names(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Call) and node.pipe is None:
        # Go would run it with no data; Ollama refuses it.
        raise TemplateError("undefined template specified")
    if isinstance(node, (nodes.Field, nodes.Variable)):
        yield from node.names
    for child in nodes.children(node):
        yield from _names(child)


def _cut(root: nodes.Block) -> nodes.Block:
    """Return a copy of a block that ends with its first ``.Response``."""
    return _Cutter().block(root)


class _Cutter:
    """Copies nodes until the first ``.Response`` was seen; conditions are not looked at."""

    def __init__(self) -> None:
        self._seen = False

    def block(self, block: nodes.Block) -> nodes.Block:
        kept = nodes.Block(block.pos)
        for node in block.nodes:
            if self._seen:
                break
            kept.nodes.append(self._statement(node))
        return kept

    def _statement(self, node: nodes.Statement) -> nodes.Statement:
        if isinstance(node, nodes.Branch):
            body = self.block(node.body)
            other = None if node.otherwise is None else self.block(node.otherwise)
            return nodes.Branch(node.pos, node.kind, node.pipe, body, other)
        if isinstance(node, nodes.Action):
            return nodes.Action(node.pos, self._pipe(node.pipe))
        return node

    def _pipe(self, pipe: nodes.Pipe) -> nodes.Pipe:
        kept = nodes.Pipe(pipe.pos, pipe.variables, pipe.assigns)
        for command in pipe.commands:
            if not self._seen:
                args = [self._operand(arg) for arg in command.args if not self._seen]
                kept.commands.append(nodes.Command(command.pos, args))
        return kept

    def _operand(self, node: nodes.Operand) -> nodes.Operand:
        if isinstance(node, nodes.Field) and "Response" in node.names:
            self._seen = True
        return self._pipe(node) if isinstance(node, nodes.Pipe) else node
