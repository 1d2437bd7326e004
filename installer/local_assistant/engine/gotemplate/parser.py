"""Tokens to a parse tree.

Contract: ``parse(text, functions)`` returns the blocks by name (the template itself is
``""``) or raises :class:`TemplateError` with Go's words and line. Nesting is bounded, so no
text can exhaust the stack.
"""

from __future__ import annotations

from collections.abc import Collection

from local_assistant.engine.gotemplate import literals, nodes
from local_assistant.engine.gotemplate.errors import TemplateError
from local_assistant.engine.gotemplate.lexer import Token, quote, tokenize

MAX_NESTING = 60
_OPERANDS = ("bool", "char constant", "dot", "field", "identifier", "number", "nil", "string",
             "variable", "(")  # fmt: skip


def parse(
    text: str, functions: Collection[str], unsupported: Collection[str] = ()
) -> dict[str, nodes.Block]:
    """Return the blocks of a template by name."""
    parser = _Parser(text, functions, unsupported)
    root = parser.template()
    parser.add("", root)
    return parser.blocks


class _Parser:
    def __init__(self, text: str, functions: Collection[str], unsupported: Collection[str]):
        self._tokens = tokenize(text)
        self._next = 0
        self._furthest = 0
        self._functions = functions
        self._unsupported = unsupported
        self._variables = ["$"]
        self._ranges = 0
        self._depth = 0
        self._action_line = 0
        self.blocks: dict[str, nodes.Block] = {}

    # Tokens

    def _take(self) -> Token:
        token = self._tokens[min(self._next, len(self._tokens) - 1)]
        self._furthest = max(self._furthest, min(self._next, len(self._tokens) - 1))
        self._next += 1
        return token

    def _peek(self) -> Token:
        token = self._take()
        self._next -= 1
        return token

    def _take_word(self) -> Token:
        """Return the next token that is not space."""
        while True:
            token = self._take()
            if token.kind != "space":
                return token

    def _peek_word(self) -> Token:
        token = self._take_word()
        self._next -= 1
        return token

    def _fail(self, message: str) -> TemplateError:
        return TemplateError(f"template: :{self._tokens[self._furthest].line}: {message}")

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind != "error":
            return self._fail(f"unexpected {token} in {context}")
        extra = ""
        if self._action_line and self._action_line != token.line:
            extra = f" in action started at :{self._action_line}"
            if token.text.endswith(" action"):
                extra = extra[len(" in action") :]
        return self._fail(f"{token}{extra}")

    def _expect(self, kind: str, context: str) -> Token:
        token = self._take_word()
        if token.kind != kind:
            raise self._unexpected(token, context)
        return token

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._fail(f"nested more than {MAX_NESTING} deep, which is not supported")

    # Templates and blocks

    def template(self) -> nodes.Block:
        """Parse the whole text."""
        root = nodes.Block(self._peek().pos)
        while self._peek().kind != "eof":
            if self._peek().kind == "{{":
                before = self._next
                self._take()
                if self._take_word().kind == "define":
                    self._definition()
                    continue
                self._next = before
            node = self._statement()
            if isinstance(node, str):
                raise self._fail(f"unexpected {{{{{node}}}}}")
            root.nodes.append(node)
        return root

    def add(self, name: str, block: nodes.Block) -> None:
        """Keep a named block; of two definitions one must be blank."""
        old = self.blocks.get(name)
        if old is None or old.empty():
            self.blocks[name] = block
        elif not block.empty():
            raise self._fail(f"template: multiple definition of template {quote(name)}")

    def _definition(self) -> None:
        context = "define clause"
        name = self._string(self._expect("string", context))
        self._expect("}}", context)
        self._own_block(name, context)

    def _own_block(self, name: str, context: str) -> None:
        """Parse a block that sees no variables and no range of where it stands."""
        outer = self._variables, self._ranges, self._action_line
        self._variables, self._ranges, self._action_line = ["$"], 0, 0
        block, end = self._block()
        if end != "end":
            raise self._fail(f"unexpected {{{{{end}}}}} in {context}")
        self.add(name, block)
        self._variables, self._ranges, self._action_line = outer

    def _block(self) -> tuple[nodes.Block, str]:
        """Parse up to ``end`` or ``else``; return which one it was."""
        block = nodes.Block(self._peek_word().pos)
        while self._peek_word().kind != "eof":
            node = self._statement()
            if isinstance(node, str):
                return block, node
            block.nodes.append(node)
        raise self._fail("unexpected EOF")

    def _statement(self) -> nodes.Statement | str:
        """Parse text or an action; ``end`` and ``else`` come back as such."""
        token = self._take_word()
        if token.kind == "text":
            return nodes.Text(token.pos, token.text)
        if token.kind != "{{":
            raise self._unexpected(token, "input")
        self._action_line = token.line
        statement = self._action()
        self._action_line = 0
        return statement

    def _action(self) -> nodes.Statement | str:
        token = self._take_word()
        if token.kind in ("if", "with", "range"):
            return self._branch(token.kind)
        if token.kind == "end":
            self._expect("}}", "end")
            return "end"
        if token.kind == "else":
            if self._peek_word().kind not in ("if", "with"):
                self._expect("}}", "else")
            return "else"
        if token.kind in ("break", "continue"):
            return self._jump(token)
        if token.kind == "template":
            return self._call()
        if token.kind == "block":
            return self._inline_block()
        self._next -= 1
        return nodes.Action(token.pos, self._pipeline("command", "}}"))

    def _jump(self, token: Token) -> nodes.Jump:
        end = self._take_word()
        if end.kind != "}}":
            raise self._unexpected(end, f"{{{{{token.kind}}}}}")
        if not self._ranges:
            raise self._fail(f"{{{{{token.kind}}}}} outside {{{{range}}}}")
        return nodes.Jump(token.pos, token.kind)

    def _branch(self, kind: str) -> nodes.Branch:
        self._deeper()
        visible = len(self._variables)
        pipe = self._pipeline(kind, "}}")
        self._ranges += kind == "range"
        body, end = self._block()
        self._ranges -= kind == "range"
        otherwise = None
        if end == "else":
            token = self._peek()
            if token.kind == kind and kind in ("if", "with"):
                self._take()
                otherwise = nodes.Block(token.pos, [self._branch(kind)])
            else:
                otherwise, end = self._block()
                if end != "end":
                    raise self._fail(f"expected end; found {{{{{end}}}}}")
        del self._variables[visible:]
        self._depth -= 1
        return nodes.Branch(pipe.pos, kind, pipe, body, otherwise)

    def _call(self) -> nodes.Call:
        context = "template clause"
        token = self._take_word()
        name = self._template_name(token, context)
        pipe = None
        if self._take_word().kind != "}}":
            self._next -= 1
            pipe = self._pipeline(context, "}}")
        return nodes.Call(token.pos, name, pipe)

    def _inline_block(self) -> nodes.Call:
        context = "block clause"
        self._deeper()
        token = self._take_word()
        name = self._template_name(token, context)
        pipe = self._pipeline(context, "}}")
        self._own_block(name, context)
        self._depth -= 1
        return nodes.Call(token.pos, name, pipe)

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind != "string":
            raise self._unexpected(token, context)
        return self._string(token)

    def _string(self, token: Token) -> str:
        try:
            return literals.string(token.text)
        except ValueError as error:
            raise self._fail(str(error)) from error

    # Pipelines

    def _pipeline(self, context: str, end: str) -> nodes.Pipe:
        pipe = nodes.Pipe(self._peek_word().pos)
        self._declarations(pipe, context)
        while True:
            token = self._take_word()
            if token.kind == end:
                self._check(pipe, context)
                return pipe
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            self._next -= 1
            pipe.commands.append(self._command())

    def _declarations(self, pipe: nodes.Pipe, context: str) -> None:
        while self._peek_word().kind == "variable":
            variable = self._take_word()
            before = self._next
            mark = self._take_word()
            if mark.kind in ("=", ":="):
                pipe.assigns = mark.kind == "="
            elif mark.text != "," or mark.kind != "char":
                self._next = before - 1
                return
            pipe.variables.append(nodes.Variable(variable.pos, [variable.text]))
            self._variables.append(variable.text)
            if mark.text != ",":
                return
            if context != "range" or len(pipe.variables) > 1:
                raise self._fail(f"too many declarations in {context}")
            if self._peek_word().kind not in ("variable", "}}", ")"):
                raise self._fail("range can only initialize variables")

    def _check(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.commands:
            raise self._fail(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], (nodes.Literal, nodes.Dot, nodes.Nil)):
                raise self._fail(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._peek_word().pos)
        while True:
            self._peek_word()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = self._take()
            if token.kind == "space":
                continue
            if token.kind in ("}}", ")"):
                self._next -= 1
            elif token.kind != "|":
                raise self._unexpected(token, "operand")
            break
        if not command.args:
            raise self._fail("empty command")
        return command

    def _operand(self) -> nodes.Operand | None:
        node = self._term()
        if node is None or self._peek().kind != "field":
            return node
        pos, names = self._peek().pos, []
        while self._peek().kind == "field":
            names.append(self._take().text[1:])
        if isinstance(node, (nodes.Field, nodes.Variable)):
            return type(node)(pos, node.names + names)
        if isinstance(node, (nodes.Literal, nodes.Nil, nodes.Dot)):
            raise self._fail(f"unexpected . after term {quote(str(node))}")
        return nodes.Chain(pos, node, names)

    def _term(self) -> nodes.Operand | None:
        before = self._next
        token = self._take_word()
        kind, pos, text = token.kind, token.pos, token.text
        if kind == "identifier":
            return self._function(token)
        if kind == "dot":
            return nodes.Dot(pos)
        if kind == "nil":
            return nodes.Nil(pos)
        if kind == "variable":
            if text not in self._variables:
                raise self._fail(f"undefined variable {quote(text)}")
            return nodes.Variable(pos, [text])
        if kind == "field":
            return nodes.Field(pos, [text[1:]])
        if kind == "bool":
            return nodes.Literal(pos, text == "true", text)
        if kind == "(":
            self._deeper()
            pipe = self._pipeline("parenthesized pipeline", ")")
            self._depth -= 1
            return pipe
        if kind in ("string", "number", "char constant"):
            return self._literal(token)
        self._next = max(before, self._next - 1)
        return None

    def _function(self, token: Token) -> nodes.Function:
        if token.text in self._unsupported:
            raise self._fail(f"function {quote(token.text)} is not supported")
        if token.text not in self._functions:
            raise self._fail(f"function {quote(token.text)} not defined")
        return nodes.Function(token.pos, token.text)

    def _literal(self, token: Token) -> nodes.Literal:
        read = {"string": literals.string, "number": literals.number}.get(
            token.kind, literals.character
        )
        try:
            return nodes.Literal(token.pos, read(token.text), token.text)
        except ValueError as error:
            raise self._fail(str(error)) from error
