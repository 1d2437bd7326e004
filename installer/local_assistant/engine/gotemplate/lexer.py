"""Template text to tokens.

Contract: ``tokenize`` never raises; a lexical error is the last token (kind ``error``, its
value the message), so that the parser reports whichever problem comes first. Trim markers
and comments are dealt with here: the parser sees neither.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_SPACE = " \t\r\n"
_KEYWORDS = ("block", "break", "continue", "define", "else", "end", "if", "range", "nil",
             "template", "with")  # fmt: skip
_TERMINATORS = ".,|:)("


@dataclass(frozen=True)
class Token:
    """A piece of the text; ``kind`` of a keyword is the keyword itself."""

    kind: str
    pos: int
    text: str
    line: int

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind in _KEYWORDS or self.kind == "dot":
            return f"<{self.text}>"
        return quote(self.text[:10]) + "..." if len(self.text) > 10 else quote(self.text)


class _BadText(Exception):
    """A lexical error: the message."""


def quote(text: str) -> str:
    """Return text as Go's ``%q`` writes it."""
    simple = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
              "\v": "\\v", '"': '\\"', "\\": "\\\\"}  # fmt: skip
    out = []
    for char in text:
        if char in simple:
            out.append(simple[char])
        elif char == " " or (char.isprintable() and not char.isspace()):
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        else:
            out.append(f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a template; the last one is ``eof`` or ``error``."""
    return _Lexer(text).run()


def _is_alphanumeric(char: str) -> bool:
    return char == "_" or char.isalpha() or unicodedata.category(char) == "Nd" if char else False


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._start = 0
        self._line = 1
        self._parens = 0
        self._tokens: list[Token] = []

    def run(self) -> list[Token]:
        try:
            while self._text_part():
                while self._action_part():
                    pass
            self._emit("eof")
        except _BadText as error:
            self._tokens.append(Token("error", self._start, str(error), self._line))
        return self._tokens

    def _emit(self, kind: str) -> None:
        value = self._text[self._start : self._pos]
        self._tokens.append(Token(kind, self._start, value, self._line))
        self._ignore()

    def _ignore(self) -> None:
        self._line += self._text.count("\n", self._start, self._pos)
        self._start = self._pos

    def _at(self, what: str, offset: int = 0) -> bool:
        return self._text.startswith(what, self._pos + offset)

    def _peek(self) -> str:
        return self._text[self._pos : self._pos + 1]

    def _left_trim(self, pos: int) -> bool:
        return self._text[pos : pos + 1] == "-" and self._text[pos + 1 : pos + 2] in (*_SPACE,)

    def _right_delimiter(self) -> int:
        """Return the length of a right delimiter here, with its trim marker; 0 for none."""
        if self._at("}}"):
            return 2
        head = self._text[self._pos : self._pos + 4]
        return 4 if head[:1] in (*_SPACE,) and head[1:] == "-}}" else 0

    # Text and comments

    def _text_part(self) -> bool:
        """Read text up to an action's first token; ``False`` at the end of the text."""
        while True:
            found = self._text.find("{{", self._pos)
            if found < 0:
                self._pos = len(self._text)
                if self._pos > self._start:
                    self._emit("text")
                return False
            trim = self._left_trim(found + 2)
            before = self._text[self._pos : found]
            self._pos += len(before.rstrip(_SPACE) if trim else before)
            if self._pos > self._start:
                self._emit("text")
            self._pos = found
            self._ignore()
            marker = 2 if trim else 0
            if not self._at("/*", 2 + marker):
                self._pos += 2
                self._emit("{{")
                self._pos += marker
                self._ignore()
                self._parens = 0
                return True
            self._pos += 2 + marker
            self._ignore()
            self._comment()

    def _comment(self) -> None:
        end = self._text.find("*/", self._pos + 2)
        if end < 0:
            raise _BadText("unclosed comment")
        self._pos = end + 2
        length = self._right_delimiter()
        if not length:
            raise _BadText("comment ends before closing delimiter")
        self._close(length)
        self._ignore()

    def _close(self, length: int) -> None:
        """Step over a right delimiter and the space that it trims."""
        self._pos += length
        if length == 4:
            while self._peek() in (*_SPACE,):
                self._pos += 1

    # Actions

    def _action_part(self) -> bool:
        """Read one token of an action; ``False`` after its right delimiter."""
        length = self._right_delimiter()
        if length:
            if self._parens:
                raise _BadText("unclosed left paren")
            if length == 4:
                self._pos += 2
                self._ignore()
            self._pos += 2
            self._emit("}}")
            if length == 4:
                self._close_trimmed()
            return False
        char = self._peek()
        if not char:
            raise _BadText("unclosed action")
        self._pos += 1
        self._token(char)
        return True

    def _close_trimmed(self) -> None:
        while self._peek() in (*_SPACE,):
            self._pos += 1
        self._ignore()

    def _token(self, char: str) -> None:
        if char in _SPACE:
            self._space()
        elif char in "=|":
            self._emit(char)
        elif char == ":":
            if self._peek() != "=":
                raise _BadText("expected :=")
            self._pos += 1
            self._emit(":=")
        elif char in "\"'":
            self._quoted(char)
        elif char == "`":
            end = self._text.find("`", self._pos)
            if end < 0:
                raise _BadText("unterminated raw quoted string")
            self._pos = end + 1
            self._emit("string")
        elif char == "$":
            self._name("variable", "variable")
        elif char == "." and self._peek() and self._peek() not in "0123456789":
            self._name("field", "dot")
        elif char in ".+-" or char in "0123456789":
            self._pos -= 1
            self._number()
        elif _is_alphanumeric(char):
            self._word()
        else:
            self._mark(char)

    def _mark(self, char: str) -> None:
        if char == "(":
            self._parens += 1
        elif char == ")":
            self._parens -= 1
            if self._parens < 0:
                raise _BadText("unexpected right paren")
        elif not (char.isascii() and char.isprintable()):
            raise _BadText(f"unrecognized character in action: {_go_unicode(char)}")
        self._emit(char if char in "()" else "char")

    def _space(self) -> None:
        while self._peek() in (*_SPACE,):
            self._pos += 1
        self._pos -= 1
        if self._right_delimiter() == 4:  # the last space belongs to a trim marker
            if self._pos > self._start:
                self._emit("space")
            return
        self._pos += 1
        self._emit("space")

    def _quoted(self, mark: str) -> None:
        what = "character constant" if mark == "'" else "quoted string"
        while True:
            char = self._peek()
            if char == "\\":
                self._pos += 1
                char = "" if self._peek() in ("", "\n") else "skip"
            if char in ("", "\n"):
                raise _BadText(f"unterminated {what}")
            self._pos += 1
            if char == mark:
                self._emit("char constant" if mark == "'" else "string")
                return

    def _name(self, kind: str, alone: str) -> None:
        if self._terminated():
            self._emit(alone)
            return
        while _is_alphanumeric(self._peek()):
            self._pos += 1
        self._want_terminator()
        self._emit(kind)

    def _word(self) -> None:
        while _is_alphanumeric(self._peek()):
            self._pos += 1
        self._want_terminator()
        word = self._text[self._start : self._pos]
        if word in _KEYWORDS:
            self._emit(word)
        else:
            self._emit("bool" if word in ("true", "false") else "identifier")

    def _terminated(self) -> bool:
        char = self._peek()
        return char == "" or char in _SPACE or char in _TERMINATORS or self._at("}}")

    def _want_terminator(self) -> None:
        if not self._terminated():
            raise _BadText(f"bad character {_go_unicode(self._peek())}")

    def _number(self) -> None:
        good = self._scan_number()
        if good and self._peek() in ("+", "-"):
            raise _BadText("complex numbers are not supported")
        if not good:
            raise _BadText(f"bad number syntax: {quote(self._text[self._start : self._pos])}")
        self._emit("number")

    def _scan_number(self) -> bool:
        self._accept("+-")
        digits = "0123456789_"
        if self._accept("0"):
            for letters, others in (("xX", "0123456789abcdefABCDEF_"), ("oO", "01234567_"),
                                    ("bB", "01_")):  # fmt: skip
                if self._accept(letters):
                    digits = others
                    break
        self._accept_run(digits)
        if self._accept("."):
            self._accept_run(digits)
        exponent = {11: "eE", 23: "pP"}.get(len(digits), "")
        if exponent and self._accept(exponent):
            self._accept("+-")
            self._accept_run("0123456789_")
        self._accept("i")
        if _is_alphanumeric(self._peek()):
            self._pos += 1
            return False
        return True

    def _accept(self, valid: str) -> bool:
        char = self._peek()
        if char and char in valid:
            self._pos += 1
            return True
        return False

    def _accept_run(self, valid: str) -> None:
        while self._accept(valid):
            pass


def _go_unicode(char: str) -> str:
    """Return a character as Go's ``%#U`` writes it."""
    code = f"U+{ord(char):04X}"
    return f"{code} '{char}'" if char.isprintable() else code
