"""A thinking model's answer as the chat shows it: the thoughts folded away in front.

Contract: pure. What is shown fetches nothing (:mod:`.harmless`); ``answer`` is as it came.
A server that does not tell thoughts apart leaves them between tags at the
beginning of the answer; those are found, too. No model reads thoughts again.
"""

from __future__ import annotations

from local_assistant.engine.text.thinking import ThinkingParser
from local_assistant.lab.chat import notes
from local_assistant.lab.chat.harmless import Harmless

_TITLE = "Thoughts"


class Folding:
    """Takes the pieces of an answer, and gives back Markdown.

    Attributes:
        answer: the words after the thoughts, so far.
        thinking: whether the last words were thoughts.
    """

    def __init__(self) -> None:
        self.answer = ""
        self.thinking = False
        self._parser = ThinkingParser()
        self._thoughts, self._words = Harmless(), Harmless()

    def add(self, text: str, thought: str = "") -> str:
        """Return what is to be shown of the next piece."""
        more, text = self._parser.add(text) if text else ("", "")
        return self._shown(thought + more, text)

    def end(self) -> str:
        """Return what is left to show when nothing more comes."""
        shown = self._shown(*self._parser.end())
        return shown + self._closed() + self._words.end()

    def _shown(self, thought: str, text: str) -> str:
        shown = ""
        if thought and not self.answer:
            if not self.thinking:
                shown += notes.fold(_TITLE)
                thought = thought.lstrip()
            self.thinking = True
            shown += notes.inside(self._thoughts.add(thought))
        if text:
            shown += self._closed() + self._words.add(text)
            self.answer += text
        return shown

    def _closed(self) -> str:
        if not self.thinking:
            return ""
        self.thinking = False
        return f"{notes.inside(self._thoughts.end())}{notes.FOLD_END}\n\n"
