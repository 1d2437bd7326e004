"""Running a parse tree.

Contract: ``run`` returns the text or raises :class:`TemplateError` with Go's words. A run is
bounded: in steps, in text, in time, and in templates that call each other; a template comes
from the network and must not be able to hold up the server.
"""

from __future__ import annotations

import time
from typing import Any

from local_assistant.engine.gotemplate import nodes, values
from local_assistant.engine.gotemplate.errors import TemplateError
from local_assistant.engine.gotemplate.functions import BUILTINS, Builtin, FunctionError, lookup
from local_assistant.engine.gotemplate.lexer import quote
from local_assistant.engine.gotemplate.values import NIL, concrete, type_name

MAX_STEPS = 1_000_000
MAX_SECONDS = 3.0
MAX_TEXT = 16 * 1024 * 1024
MAX_MADE = 4 * MAX_TEXT
"""What all calls of functions may make: variables may keep all of it."""
MAX_CALLS = 20
_MAX_SHOWN = 1000
_STEPS_AT_ONCE = 256
_MISSING: Any = object()


class _Leave(Exception):
    """``break`` or ``continue``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def run(
    text: str,
    blocks: dict[str, nodes.Block],
    root: nodes.Block,
    data: Any,
    *,
    missing: Any = NIL,
) -> str:
    """Run ``root``, a block of the template ``text``, on the data.

    Args:
        missing: what an untyped map gives for a missing key: ``NIL`` or ``None``.
    """
    return _Run(text, blocks, missing).result(root, data)


class _Run:
    def __init__(self, text: str, blocks: dict[str, nodes.Block], missing: Any) -> None:
        self._text = text
        self._missing_key = missing
        self._blocks = blocks
        self._name = ""
        self._node: nodes.Node | None = None
        self._variables: list[list[Any]] = []
        self._calls = 0
        self._steps = 0
        self._deadline = time.monotonic() + MAX_SECONDS
        self._size = 0
        self._made = 0
        self._out: list[str] = []

    def result(self, root: nodes.Block, data: Any) -> str:
        self._variables = [["$", data]]
        try:
            self._block(root, data)
        except RecursionError:
            raise self._fail("nested too deep") from None
        return "".join(self._out)

    def _fail(self, message: str) -> TemplateError:
        if self._node is None:
            return TemplateError(f"template: {self._name}: {message}")
        before = self._text[: self._node.pos]
        line = before.count("\n") + 1
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "replace"))
        return TemplateError(
            f"template: :{line}:{column}: executing {quote(self._name)} "
            f"at <{str(self._node)[:_MAX_SHOWN]}>: {message}"
        )

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise self._fail(f"more than {MAX_TEXT} characters of text")
        self._out.append(text)

    # Statements

    def _block(self, block: nodes.Block, dot: Any) -> None:
        for node in block.nodes:
            self._statement(node, dot)

    def _statement(self, node: nodes.Statement, dot: Any) -> None:
        self._at(node)
        if isinstance(node, nodes.Text):
            self._write(node.text)
        elif isinstance(node, nodes.Action):
            value = self._pipe(node.pipe, dot)
            if not node.pipe.variables:
                self._at(node)
                self._write("<no value>" if value is None else values.to_text(value))
        elif isinstance(node, nodes.Jump):
            raise _Leave(node.kind)
        elif isinstance(node, nodes.Call):
            self._call_template(node, dot)
        elif node.kind == "range":
            self._range(node, dot)
        else:
            self._if_or_with(node, dot)

    def _at(self, node: nodes.Node) -> None:
        self._node = node
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise self._fail(f"more than {MAX_STEPS} steps")
        if not self._steps % _STEPS_AT_ONCE:
            self._in_time()

    def _in_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise self._fail(f"more than {MAX_SECONDS:g} seconds")

    def _if_or_with(self, node: nodes.Branch, dot: Any) -> None:
        mark = len(self._variables)
        value = self._pipe(node.pipe, dot)
        if values.truth(value):
            self._block(node.body, value if node.kind == "with" else dot)
        elif node.otherwise is not None:
            self._block(node.otherwise, dot)
        del self._variables[mark:]

    def _range(self, node: nodes.Branch, dot: Any) -> None:
        outer = len(self._variables)
        value = self._pipe(node.pipe, dot)
        inner = len(self._variables)
        ran = False
        for index, element in self._elements(value, node.pipe):
            ran = True
            self._at(node)  # an empty body is a step, too
            self._assign_elements(node.pipe, index, element)
            try:
                self._block(node.body, element)
            except _Leave as leave:
                if leave.kind == "break":
                    break
            finally:
                del self._variables[inner:]
        if not ran and node.otherwise is not None:
            self._block(node.otherwise, dot)
        del self._variables[outer:]

    def _elements(self, value: Any, pipe: nodes.Pipe) -> Any:
        if value is None:
            return ()
        if isinstance(value, dict):
            keys = sorted(value, key=lambda key: key.encode("utf-8", "replace"))
            return ((key, values.boxed(value[key])) for key in keys)
        if isinstance(value, list):
            return ((index, values.boxed(item)) for index, item in enumerate(value))
        if isinstance(value, int) and not isinstance(value, bool):
            if len(pipe.variables) > 1:
                raise self._fail(f"can't use {value} to iterate over more than one variable")
            return ((None, number) for number in range(value))
        raise self._fail(f"range can't iterate over {values.to_text(value)}")

    def _assign_elements(self, pipe: nodes.Pipe, index: Any, element: Any) -> None:
        names = [variable.names[0] for variable in pipe.variables]
        if not names:
            return
        found = [index, element] if len(names) > 1 else [element]
        pairs = list(zip(names, found, strict=True))
        for offset, (name, value) in enumerate(pairs):
            if pipe.assigns:
                self._set(name, value)
            else:
                self._variables[len(self._variables) - len(pairs) + offset][1] = value

    def _call_template(self, node: nodes.Call, dot: Any) -> None:
        block = self._blocks.get(node.name)
        if block is None:
            raise self._fail(f"template {quote(node.name)} not defined")
        if self._calls >= MAX_CALLS:
            raise self._fail(f"exceeded maximum template depth ({MAX_CALLS})")
        value = None if node.pipe is None else self._pipe(node.pipe, dot)
        outer = self._variables, self._name
        self._variables, self._name = [["$", value]], node.name
        self._calls += 1
        self._block(block, value)
        self._calls -= 1
        self._variables, self._name = outer

    # Pipelines

    def _pipe(self, pipe: nodes.Pipe, dot: Any) -> Any:
        self._at(pipe)
        value = _MISSING
        for command in pipe.commands:
            value = concrete(self._command(command, dot, value))
        for variable in pipe.variables:
            if pipe.assigns:
                self._set(variable.names[0], value)
            else:
                self._variables.append([variable.names[0], value])
        return value

    def _set(self, name: str, value: Any) -> None:
        for variable in reversed(self._variables):
            if variable[0] == name:
                variable[1] = value
                return
        raise self._fail(f"undefined variable: {name}")

    def _variable(self, name: str) -> Any:
        for found, value in reversed(self._variables):
            if found == name:
                return value
        raise self._fail(f"undefined variable: {name}")

    def _command(self, command: nodes.Command, dot: Any, final: Any) -> Any:
        first, rest = command.args[0], command.args[1:]
        if isinstance(first, nodes.Function):
            return self._function(first, rest, dot, final, command)
        if isinstance(first, (nodes.Field, nodes.Chain)) or (
            isinstance(first, nodes.Variable) and len(first.names) > 1
        ):
            return self._path(first, dot, bool(rest) or final is not _MISSING)
        if not isinstance(first, nodes.Pipe):
            self._at(first)
        if rest or final is not _MISSING:
            raise self._fail(f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            raise self._fail("nil is not a command")
        return self._operand(first, dot)

    def _operand(self, node: nodes.Operand, dot: Any) -> Any:
        """Return what a literal, a path, a variable or a parenthesis stands for."""
        if isinstance(node, nodes.Pipe):
            return self._pipe(node, dot)
        self._at(node)
        if isinstance(node, nodes.Function):
            return self._function(node, [], dot, _MISSING, node)
        if isinstance(node, nodes.Literal):
            return node.value
        if isinstance(node, nodes.Nil):
            return None
        if isinstance(node, nodes.Dot):
            return dot
        if isinstance(node, nodes.Variable) and len(node.names) == 1:
            return self._variable(node.names[0])
        return self._path(node, dot, False)

    def _path(self, node: nodes.Field | nodes.Chain | nodes.Variable, dot: Any, args: bool) -> Any:
        self._at(node)
        names = node.names
        if isinstance(node, nodes.Chain):
            if isinstance(node.node, nodes.Nil):
                raise self._fail(f"indirection through explicit nil in {node}")
            value = self._operand(node.node, dot)
            self._node = node
        elif isinstance(node, nodes.Variable):
            value, names = self._variable(names[0]), names[1:]
        else:
            value = dot
        declared = ""
        for position, name in enumerate(names):
            last = position == len(names) - 1
            step = self._field(value, name, declared or type_name(value), args and last)
            # What an untyped map holds has the type of the map's elements.
            untyped = isinstance(value, dict) and not isinstance(value, values.GoMap)
            declared, value = ("interface {}" if untyped else ""), step
        return value

    def _field(self, value: Any, name: str, declared: str, args: bool) -> Any:
        if value is None:
            return None
        if value is NIL:
            raise self._fail(f"nil pointer evaluating interface {{}}.{name}")
        if isinstance(value, values.Typed) and name in value.methods:
            if args:
                raise self._fail(f"wrong number of args for {name}: want 0 got 1")
            return value.methods[name]()
        if isinstance(value, values.Struct) and name in value.fields:
            if args:
                raise self._fail(f"{name} has arguments but cannot be invoked as function")
            return values.boxed(value.fields[name])
        if isinstance(value, dict):
            if args:
                raise self._fail(f"{name} is not a method but has arguments")
            untyped = not isinstance(value, values.GoMap)
            return self._missing_key if untyped and name not in value else lookup(value, name)
        raise self._fail(f"can't evaluate field {name} in type {declared}")

    # Functions

    def _function(
        self, node: nodes.Function, args: list[nodes.Operand], dot: Any, final: Any,
        whole: nodes.Node,
    ) -> Any:  # fmt: skip
        self._at(node)
        count = len(args) + (final is not _MISSING)
        if node.name in ("and", "or"):
            if not count:
                raise self._fail(f"wrong number of args for {node.name}: want at least 1 got 0")
            return self._and_or(node.name == "or", args, dot, final)
        builtin = BUILTINS[node.name]
        if builtin.most is None and count < builtin.least:
            raise self._fail(
                f"wrong number of args for {node.name}: want at least {builtin.least} "
                f"got {len(args)}"
            )
        if builtin.most is not None and count != builtin.most:
            raise self._fail(
                f"wrong number of args for {node.name}: want {builtin.most} got {count}"
            )
        found = [self._argument(builtin, index, arg, dot) for index, arg in enumerate(args)]
        if final is not _MISSING:
            found.append(self._fitting(builtin, len(args), final))
        self._in_time()  # one call may cost as much as many steps
        # Before the call: a function given its own result again and again doubles it.
        if sum(len(value) for value in found if isinstance(value, str)) > MAX_TEXT:
            raise self._fail(f"more than {MAX_TEXT} characters of text")
        try:
            made = builtin.call(*found)
        except FunctionError as error:
            self._node = whole
            raise self._fail(f"error calling {node.name}: {error}") from error
        self._made += len(made) if isinstance(made, str) else 0
        if self._made > MAX_MADE:
            raise self._fail(f"more than {MAX_MADE} characters of text by functions")
        return made

    def _and_or(self, wanted: bool, args: list[nodes.Operand], dot: Any, final: Any) -> Any:
        value: Any = None
        for arg in args:
            value = self._operand(arg, dot)
            if values.truth(value) == wanted:
                return value
        return value if final is _MISSING else final

    def _argument(self, builtin: Builtin, index: int, arg: nodes.Operand, dot: Any) -> Any:
        value = self._operand(arg, dot)
        wants_string = builtin.strings < 0 or index < builtin.strings
        if wants_string and isinstance(arg, nodes.Literal) and not isinstance(value, str):
            raise self._fail(f"expected string; found {arg}")
        return self._fitting(builtin, index, value)

    def _fitting(self, builtin: Builtin, index: int, value: Any) -> Any:
        if builtin.strings >= 0 and index >= builtin.strings:
            return value
        plain = concrete(value)
        if plain is None:
            raise self._fail("invalid value; expected string")
        if not isinstance(plain, str):
            raise self._fail(f"wrong type for value; expected string; got {type_name(plain)}")
        return plain
