"""What was asked and answered in one kernel, as far as the next question sends it again.

Contract: pure, bounded in memory. What does not fit beside the question is left out, the
oldest first, and never cut in the middle. Once something must go, half of the room is
cleared at a time: the beginning of the prompt then stays the same for several cells, and the
server can reuse what it has read.
"""

from __future__ import annotations

from dataclasses import dataclass

_MAX_EXCHANGES = 100
_MAX_CHARACTERS = 400_000


@dataclass(frozen=True)
class Exchange:
    """A question and its answer."""

    prompt: str
    answer: str

    @property
    def size(self) -> int:
        return len(self.prompt.encode()) + len(self.answer.encode())

    def messages(self) -> list[dict[str, str]]:
        return [
            {"role": "user", "content": self.prompt},
            {"role": "assistant", "content": self.answer},
        ]


class History:
    """The exchanges of one kernel, oldest first."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._model = ""
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, prompt: str, answer: str) -> None:
        self._exchanges.append(Exchange(prompt, answer))
        while len(self._exchanges) > 1 and (
            len(self._exchanges) > _MAX_EXCHANGES or self.size > _MAX_CHARACTERS
        ):
            del self._exchanges[0]
            self._skipped = max(self._skipped - 1, 0)

    def clear(self) -> int:
        """Forget everything; returns how many exchanges that were."""
        count = len(self._exchanges)
        self._exchanges, self._model, self._skipped = [], "", 0
        return count

    @property
    def size(self) -> int:
        """How many bytes all exchanges have."""
        return sum(exchange.size for exchange in self._exchanges)

    def messages(self) -> list[dict[str, str]]:
        """Return everything as messages."""
        return [message for exchange in self._exchanges for message in exchange.messages()]

    def fitting(self, model: str, tokens: int) -> list[dict[str, str]]:
        """Return the newest exchanges that ``model`` can read beside its question.

        Args:
            model: who reads; another one begins with the whole history again.
            tokens: how many there is room for.
        """
        from local_assistant.lab.chat.prompt import estimate_tokens

        if model != self._model:
            self._model, self._skipped = model, 0
        costs = [
            estimate_tokens(exchange.prompt) + estimate_tokens(exchange.answer) + 16
            for exchange in self._exchanges
        ]
        if sum(costs[self._skipped :]) > tokens:
            while self._skipped < len(costs) and sum(costs[self._skipped :]) > tokens // 2:
                self._skipped += 1
        kept = self._exchanges[self._skipped :]
        return [message for exchange in kept for message in exchange.messages()]
