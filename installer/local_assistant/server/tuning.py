"""What we set for an Ollama that we start, so that it is fast for an editor.

Contract: :func:`environment` adds to the user's environment and changes nothing that the
user has set. Ollama reads these variables in envconfig/config.go (v0.33.0); each is set only
where its own default is worse for us, and the reason stands beside it (and in
``docs/server.md``). What is not here is left to Ollama on purpose:

- OLLAMA_MAX_LOADED_MODELS: three for each device, as many as we have roles;
- OLLAMA_KV_CACHE_TYPE: a quantized cache answers worse;
- OLLAMA_NOPRUNE, OLLAMA_MODELS, OLLAMA_ORIGINS: none of an editor's business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from local_assistant.server.features import numbers

PARALLEL = "2"
"""Chat and completion each get a slot, and keep their prompt cache in it. With Ollama's one,
a completion waits for the whole answer of the chat, and each throws the other's cache away.
More slots cost the memory of a whole context each (num_ctx times slots)."""

FLASH_AUTO_SINCE = "0.30.0"
"""Since then (ollama/ollama#16031) Ollama turns flash attention on by itself wherever the
device can do it, and ``1`` would force it on where it cannot. Older ones check the device
even then, but leave it off for most models."""

NO_CLOUD_SINCE = "0.16.2"
"""ollama/ollama#14221. Without it Ollama asks ollama.com for recommended models when it
starts and every four hours (since 0.22.1), which nobody asked for."""

_GIB = 1024**3
CONTEXTS = (
    (23 * _GIB, 28 * _GIB, "16384"),
    (47 * _GIB, None, "32768"),
)
"""The context of each slot, from one size of graphics memory to the next. Ollama (server/routes.go)
takes 32768 tokens from 23 GiB on and 262144 from 47 GiB on, and where two of those do not fit
beside the weights, llama.cpp puts a part of the model on the processor: Ollama takes less only
after a load that failed. qwen3-coder:30b has 18.6 GB of weights and 98304 bytes for each token, so
two slots of 32768 make 25 GB, and two of 16384 22 GB."""

_OURS_ENV = "LOCAL_ASSISTANT_ENV"


def environment(
    url: str,
    *,
    version: str = "",
    keep_alive: str | None = None,
    graphics_bytes: int = 0,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment for ``ollama serve``.

    Args:
        url: where it is to listen, unless the user's OLLAMA_HOST says so.
        version: the binary's version; empty counts as the newest.
        keep_alive: ``[server] keep_alive``, for clients that name none themselves.
        graphics_bytes: the memory of all graphics cards.
        base: the environment that counts as the user's; default: our own.
    """
    found = without_ours(os.environ if base is None else base)
    # An empty one means Ollama's default to Ollama, not the url that we shall wait for.
    found["OLLAMA_HOST"] = found.get("OLLAMA_HOST") or url
    for name, value in settings(version, keep_alive, graphics_bytes).items():
        if not found.get(name, "").strip():
            found[name] = value
    return found


def settings(version: str, keep_alive: str | None, graphics_bytes: int) -> dict[str, str]:
    """Return what we set for an Ollama of this version on this machine."""
    there = numbers(version)
    if there in ((), (0, 0, 0)):  # unknown, or built by hand
        there = numbers(FLASH_AUTO_SINCE)
    found = {"OLLAMA_NUM_PARALLEL": PARALLEL}
    if keep_alive is not None:
        found["OLLAMA_KEEP_ALIVE"] = keep_alive
    if there < numbers(FLASH_AUTO_SINCE):
        found["OLLAMA_FLASH_ATTENTION"] = "1"
    if there >= numbers(NO_CLOUD_SINCE):
        found["OLLAMA_NO_CLOUD"] = "1"
    for least, below, context in CONTEXTS:
        if graphics_bytes >= least and (below is None or graphics_bytes < below):
            found["OLLAMA_CONTEXT_LENGTH"] = context
    return found


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what our server extension has set for clients."""
    ours = {name.strip() for name in environ.get(_OURS_ENV, "").split(",")}
    return {name: value for name, value in environ.items() if name not in ours}
