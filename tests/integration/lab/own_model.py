"""A chat model of a test file's own: no other file's prompt is in its cache, nor it in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from local_assistant import paths
from local_assistant.config import set_value
from local_assistant.engine.store.store import Store


@contextlib.contextmanager
def own_model(name: str, max_tokens: int) -> Iterator[None]:
    """Have the demo model answer in the chat under a name of its own, and shortly."""
    file = paths.user_config_file()
    file.unlink(missing_ok=True)
    set_value("models.preset", "demo")
    set_value("models.chat", name)
    set_value("chat.max_tokens", max_tokens)
    Store(paths.models_dir()).add_gguf(name, paths.demo_gguf())
    yield
    file.unlink()  # other tests share this home
