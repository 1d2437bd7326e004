"""Whether a model that is there can be used: it is loaded, and has to say something.

Contract: :func:`load_test` asks for a few tokens, of an embedding model for one vector, and
never raises. A model that was not loaded before is not loaded afterwards. A model that lives
elsewhere (Ollama's cloud) is not asked: nobody said yes to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.server import Client, Endpoint

_TOKENS = 4
_PROMPT = "Hello"


class CannotLoad(AssistantError):
    """The server has tried, and the model does not run.

    ``memory`` says that there was not enough memory for it just now.
    """

    def __init__(self, message: str, fix: str | None, *, memory: bool = False) -> None:
        super().__init__(message, fix)
        self.memory = memory


def load_test(endpoint: Endpoint, model: str) -> AssistantError | None:
    """Return why ``model`` does not answer; None where it does.

    A :class:`CannotLoad` is about the model; any other error about the server.
    """
    from local_assistant.server import Client, ServerError

    client = Client(endpoint)
    try:
        shown = client.post("/api/show", {"model": model})
        if shown.get("remote_host"):
            return None
        _ask(client, model, shown.get("capabilities") or ())
    except ServerError as error:
        return _said(model, error)
    except AssistantError as error:
        return error
    return None


def _ask(client: Client, model: str, abilities: Any) -> None:
    from local_assistant.server.loaded import process_of

    body: dict[str, Any] = {"model": model}
    if process_of(client, model) is None:
        body["keep_alive"] = 0
    if "embedding" in abilities and "completion" not in abilities:
        answer = client.post("/api/embed", {**body, "input": _PROMPT})
        vectors = answer.get("embeddings")
        if not (isinstance(vectors, list) and vectors and vectors[0]):
            raise CannotLoad(f"{model} makes no vectors.", _OTHER)
        return
    options = {"num_predict": _TOKENS}
    more = {"prompt": _PROMPT, "stream": False, "options": options}
    answer = client.post("/api/generate", {**body, **more})
    if answer.get("done") is not True:
        raise CannotLoad(f"{model} gives no answer.", _OTHER)


_OTHER = "Take another model or quantization: jupyter assistant models"
_SHORT = ("memory", "signal: killed", "sigkill")
"""Of what the servers say where the memory was short: Linux kills what takes the last of it."""
_SLOW = ("timed out", "did not answer")
"""Of what they say where a model was not ready in time, as on a slow disk: it may be, later."""


def _said(model: str, error: Any) -> AssistantError:
    """Return what the server said, as a failure of the model."""
    lines = str(error.answer.get("error") or error.message).strip().splitlines()
    said = (lines or ["no reason given"])[0].rstrip(".")
    if error.status in (401, 403, 503):
        return AssistantError(error.message, error.fix)
    if any(words in said.lower() for words in _SLOW):
        return AssistantError(f"{model} could not be tested: {said}.", "Try again later.")
    memory = any(words in said.lower() for words in _SHORT)
    fix = _OTHER
    if memory:
        fix = "End other programs, or take a smaller model: jupyter assistant models"
    return CannotLoad(f"{model} cannot be loaded: {said}.", fix, memory=memory)
