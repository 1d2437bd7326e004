"""Telling a model's thinking from its answer, in a stream of text.

Contract: pure. Only tags at the very beginning of an answer count, as in Ollama; what may
yet become a tag is held back until it is clear.
"""

from __future__ import annotations

OPENING, CLOSING = "<think>", "</think>"


class ThinkingParser:
    """Takes pieces of text; gives back what is thinking and what is answer."""

    def __init__(self, opening: str = OPENING, closing: str = CLOSING) -> None:
        self.opening = opening
        self.closing = closing
        self._held = ""
        self._state = "begin"
        self._eat_space = False

    def begin(self, prompt: str) -> None:
        """Take note of a prompt that ends inside of thinking already."""
        if prompt.strip().endswith(self.opening):
            self._enter("thinking")

    def add(self, text: str) -> tuple[str, str]:
        """Return the thinking and the answer that are certain by now."""
        self._held += text
        if self._state == "begin":
            trimmed = self._held.lstrip()
            if trimmed.startswith(self.opening):
                self._held = trimmed[len(self.opening) :]
                self._enter("thinking")
            elif self.opening.startswith(trimmed):
                return "", ""
            else:
                self._state = "answer"
        thought = self._thought() if self._state == "thinking" else ""
        return thought, self._rest() if self._state == "answer" else ""

    def end(self) -> tuple[str, str]:
        """Return what was held back when nothing more comes."""
        held, self._held = self._held, ""
        return (held, "") if self._state == "thinking" else ("", held)

    def _enter(self, state: str) -> None:
        self._state = state
        self._eat_space = True

    def _thought(self) -> str:
        if self._eat_space:
            self._held = self._held.lstrip()
            self._eat_space = not self._held
        thought, found, after = self._held.partition(self.closing)
        if found:
            self._held = after
            self._enter("answer")
            return thought
        keep = _overlap(self._held, self.closing)
        thought = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return thought

    def _rest(self) -> str:
        if self._eat_space:
            self._held = self._held.lstrip()
            self._eat_space = not self._held
        rest, self._held = self._held, ""
        return rest


def without_thinking(text: str) -> str:
    """Return a whole answer without its thinking."""
    parser = ThinkingParser()
    _, answer = parser.add(text)
    return answer + parser.end()[1]


def _overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of ``text`` may begin ``tag``."""
    for size in range(min(len(text), len(tag)), 0, -1):
        if text.endswith(tag[:size]):
            return size
    return 0
