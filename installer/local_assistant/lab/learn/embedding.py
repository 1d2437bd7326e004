"""Texts to vectors, by the embedding model that the settings name.

Contract: blocks; call it in a thread. Some models were trained with words in front of a
document and of a question; they are put there (:data:`_PREFIXES`, from the models' cards).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.lab.learn.vectors import Floats
    from local_assistant.server import Endpoint

_ARCTIC = "Represent this sentence for searching relevant passages: "
_PREFIXES = {
    # huggingface.co/nomic-ai/nomic-embed-text-v1.5
    "nomic-embed-text": ("search_document: ", "search_query: "),
    # huggingface.co/google/embeddinggemma-300m
    "embeddinggemma": ("title: none | text: ", "task: search result | query: "),
    # huggingface.co/Qwen/Qwen3-Embedding-0.6B
    "qwen3-embedding": (
        "",
        "Instruct: Given a question, retrieve passages that answer it\nQuery:",
    ),
    # huggingface.co/mixedbread-ai/mxbai-embed-large-v1
    "mxbai-embed-large": ("", _ARCTIC),
    # huggingface.co/Snowflake/snowflake-arctic-embed-m-v2.0 and -m
    "snowflake-arctic-embed2": ("", "query: "),
    "snowflake-arctic-embed": ("", _ARCTIC),
}
"""Part of the model's name -> what stands before a document, and before a question."""


@dataclass(frozen=True)
class Embedder:
    """One embedding model on one server; ``options`` are Ollama's, for each request."""

    endpoint: Endpoint
    model: str
    keep_alive: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def documents(self, texts: Sequence[str]) -> Floats:
        """Return the vectors (n, d) of passages, each of length 1."""
        return self._embed([self._prefix(0) + text for text in texts])

    def question(self, text: str) -> Floats:
        """Return the vector (d,) of a question, of length 1."""
        row: Floats = self._embed([self._prefix(1) + text])[0]
        return row

    def _prefix(self, which: int) -> str:
        name = self.model.lower()
        return next((both[which] for part, both in _PREFIXES.items() if part in name), "")

    def _embed(self, texts: Sequence[str]) -> Floats:
        from local_assistant.lab.learn.vectors import unit
        from local_assistant.server import Client

        body: dict[str, Any] = {
            "model": self.model,
            "input": list(texts),
            "keep_alive": self.keep_alive,
            "options": dict(self.options),
        }
        answer = Client(self.endpoint).post("/api/embed", body)
        rows = answer.get("embeddings")
        if not isinstance(rows, list) or len(rows) != len(texts) or not all(rows):
            raise AssistantError(
                f"{self.model} gave no vectors: it is no embedding model.",
                "Choose one: jupyter assistant use nomic-embed-text --for embedding",
            )
        return unit(rows)
