"""The parse tree of a template.

Contract: plain data. ``str(node)`` is the node's text as Go prints it, for error messages;
``pos`` is where it begins in the template's text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from local_assistant.engine.gotemplate.lexer import quote


@dataclass
class Text:
    pos: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass
class Literal:
    """A string, number or boolean; ``raw`` is its spelling."""

    pos: int
    value: str | int | float | bool
    raw: str

    def __str__(self) -> str:
        return self.raw


@dataclass
class Nil:
    pos: int

    def __str__(self) -> str:
        return "nil"


@dataclass
class Dot:
    pos: int

    def __str__(self) -> str:
        return "."


@dataclass
class Field:
    """``.A.B``"""

    pos: int
    names: list[str]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass
class Variable:
    """``$x.A``: the first name is the variable with its ``$``."""

    pos: int
    names: list[str]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass
class Function:
    pos: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass
class Chain:
    """``(…).A.B``"""

    pos: int
    node: Operand
    names: list[str]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass
class Command:
    pos: int
    args: list[Operand] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


@dataclass
class Pipe:
    pos: int
    variables: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        text = " | ".join(str(command) for command in self.commands)
        if not self.variables:
            return text
        names = ", ".join(str(variable) for variable in self.variables)
        return f"{names} {'=' if self.assigns else ':='} {text}"


@dataclass
class Action:
    pos: int
    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass
class Branch:
    """``if``, ``with`` or ``range``."""

    pos: int
    kind: str
    pipe: Pipe
    body: Block
    otherwise: Block | None

    def __str__(self) -> str:
        other = "" if self.otherwise is None else f"{{{{else}}}}{self.otherwise}"
        return f"{{{{{self.kind} {self.pipe}}}}}{self.body}{other}{{{{end}}}}"


@dataclass
class Call:
    """``template "name" pipe``"""

    pos: int
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f"{{{{template {quote(self.name)}{f' {self.pipe}' if self.pipe else ''}}}}}"


@dataclass
class Jump:
    """``break`` or ``continue``"""

    pos: int
    kind: str

    def __str__(self) -> str:
        return f"{{{{{self.kind}}}}}"


@dataclass
class Block:
    """Nodes one after another."""

    pos: int
    nodes: list[Statement] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(str(node) for node in self.nodes)

    def empty(self) -> bool:
        """Whether nothing but blank text is in it."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.nodes)


Operand = Literal | Nil | Dot | Field | Variable | Function | Chain | Pipe
Statement = Text | Action | Branch | Call | Jump
Node = Operand | Statement | Command | Block


def children(node: Node) -> Iterator[Node]:
    """Yield what lies directly in a node, in the order of the text."""
    if isinstance(node, Block):
        yield from node.nodes
    elif isinstance(node, Action):
        yield node.pipe
    elif isinstance(node, Branch):
        yield node.pipe
        yield node.body
        if node.otherwise is not None:
            yield node.otherwise
    elif isinstance(node, Call):
        if node.pipe is not None:
            yield node.pipe
    elif isinstance(node, Pipe):
        yield from node.commands
    elif isinstance(node, Command):
        yield from node.args
