"""Why a text is not JSON, in the words of Go's decoder.

Contract: pure; called only after a parser has refused the text, so it may be slow. The
sentences are what Ollama's clients get to read.
"""

from __future__ import annotations

_SPACE = b" \t\r\n"
_HEX = b"0123456789abcdefABCDEF"
_LITERALS = {0x74: b"true", 0x66: b"false", 0x6E: b"null"}
_MAX_DEPTH = 10_000
CUT_OFF = "unexpected EOF"
TOO_DEEP = "invalid character '[' exceeded max depth"


class _Bad(Exception):
    """The sentence."""


def explain(data: bytes) -> str:
    """Return what is wrong with the first value in ``data``."""
    try:
        _Scanner(data).value()
    except _Bad as bad:
        return str(bad)
    return TOO_DEEP  # the only thing this scanner allows and Python's parser does not


class _Scanner:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def fail(self, context: str) -> _Bad:
        """Return the error about the byte at hand (or about there being none)."""
        if self.at >= len(self.data):
            return _Bad(CUT_OFF)
        return _Bad(f"invalid character {_quoted(self.data[self.at])} {context}")

    def peek(self) -> int:
        """Return the byte at hand; -1 at the end."""
        return self.data[self.at] if self.at < len(self.data) else -1

    def skip_space(self) -> int:
        while self.at < len(self.data) and self.data[self.at] in _SPACE:
            self.at += 1
        return self.peek()

    def value(self) -> None:
        """Pass over one value; the stack is a list, so depth costs no recursion."""
        stack: list[int] = []
        state = "value"
        while state != "end":
            byte = self.skip_space()
            if state in ("value", "value or end"):
                state = self.begin(byte, state, stack)
            elif state in ("key", "key or end"):
                state = self.key(byte, state, stack)
            elif state == "colon":
                if byte != 0x3A:
                    raise self.fail("after object key")
                self.at += 1
                state = "value"
            else:
                state = self.after(byte, stack)

    def begin(self, byte: int, state: str, stack: list[int]) -> str:
        if byte == 0x5D and state == "value or end":
            return self.close(stack)
        if byte in (0x7B, 0x5B):
            stack.append(byte)
            if len(stack) > _MAX_DEPTH:
                raise self.fail("exceeded max depth")
            self.at += 1
            return "key or end" if byte == 0x7B else "value or end"
        if byte == 0x22:
            self.string()
        elif byte == 0x2D or 0x30 <= byte <= 0x39:
            self.number()
        elif byte in _LITERALS:
            self.literal(_LITERALS[byte])
        else:
            raise self.fail("looking for beginning of value")
        return "after" if stack else "end"

    def key(self, byte: int, state: str, stack: list[int]) -> str:
        if byte == 0x7D and state == "key or end":
            return self.close(stack)
        if byte != 0x22:
            raise self.fail("looking for beginning of object key string")
        self.string()
        return "colon"

    def after(self, byte: int, stack: list[int]) -> str:
        in_object = stack[-1] == 0x7B
        if byte == 0x2C:
            self.at += 1
            return "key" if in_object else "value"
        if byte == (0x7D if in_object else 0x5D):
            return self.close(stack)
        raise self.fail("after object key:value pair" if in_object else "after array element")

    def close(self, stack: list[int]) -> str:
        self.at += 1
        stack.pop()
        return "after" if stack else "end"

    def literal(self, word: bytes) -> None:
        for expected in word:
            if self.peek() != expected:
                text = word.decode()
                raise self.fail(f"in literal {text} (expecting '{chr(expected)}')")
            self.at += 1

    def string(self) -> None:
        self.at += 1
        while (byte := self.peek()) != 0x22:
            if byte < 0x20:
                raise self.fail("in string literal")
            self.at += 1
            if byte == 0x5C:
                self.escape()
        self.at += 1

    def escape(self) -> None:
        byte = self.peek()
        if byte < 0 or byte not in b'bfnrt\\/"u':
            raise self.fail("in string escape code")
        self.at += 1
        if byte == 0x75:
            for _ in range(4):
                if self.peek() < 0 or self.peek() not in _HEX:
                    raise self.fail("in \\u hexadecimal character escape")
                self.at += 1

    def digits(self, context: str) -> None:
        """Pass over one digit or more."""
        if not 0x30 <= self.peek() <= 0x39:
            raise self.fail(context)
        while 0x30 <= self.peek() <= 0x39:
            self.at += 1

    def number(self) -> None:
        if self.peek() == 0x2D:
            self.at += 1
        if self.peek() == 0x30:
            self.at += 1
        else:
            self.digits("in numeric literal")
        if self.peek() == 0x2E:
            self.at += 1
            self.digits("after decimal point in numeric literal")
        if self.peek() in (0x65, 0x45):
            self.at += 1
            if self.peek() in (0x2B, 0x2D):
                self.at += 1
            self.digits("in exponent of numeric literal")


def _quoted(byte: int) -> str:
    """Return one byte as Go's scanner shows it."""
    named = {0x27: "\\'", 0x5C: "\\\\", 0x07: "\\a", 0x08: "\\b", 0x0C: "\\f", 0x0A: "\\n",
             0x0D: "\\r", 0x09: "\\t", 0x0B: "\\v"}  # fmt: skip
    if byte in named:
        return f"'{named[byte]}'"
    if byte < 0x20 or byte == 0x7F:
        return f"'\\x{byte:02x}'"
    if 0x80 <= byte < 0xA1 or byte == 0xAD:
        return f"'\\u{byte:04x}'"
    return f"'{chr(byte)}'"
