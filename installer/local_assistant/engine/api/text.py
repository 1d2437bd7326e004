"""The two text endpoints, ``/api/generate`` and ``/api/chat``, as one.

Contract: one generation is one event stream of the model process, turned into Ollama's
chunks; leaving the stream ends the generation. ``answer_generate`` and ``answer_chat`` take
requests that were read already, for endpoints with another shape around the same answers.
"""

from __future__ import annotations

from local_assistant.engine.api.chat import ChatApi
from local_assistant.engine.api.generate import GenerateApi
from local_assistant.engine.runtime.scheduler import Scheduler
from local_assistant.engine.store.catalog import Catalog
from local_assistant.engine.text.generation import Models


class TextApi:
    """The two text endpoints."""

    def __init__(self, catalog: Catalog, scheduler: Scheduler) -> None:
        models = Models(catalog, scheduler)
        generate, chat = GenerateApi(models), ChatApi(models)
        self.generate, self.answer_generate = generate.handle, generate.answer
        self.chat, self.answer_chat = chat.handle, chat.answer
