"""``jupyter assistant serve``: the embedded engine in the foreground."""

from __future__ import annotations

import dataclasses
import math
import os

import click

from local_assistant.errors import AssistantError


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: [engine] port).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--no-token", is_flag=True, help="Answer without a token (loopback only).")
@click.option("--parallel", type=click.IntRange(1, 64), help="Answers at once, per model.")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer of any request.")
def command(
    port: int | None, host: str, no_token: bool, parallel: int | None, max_tokens: int | None
) -> int:
    """Run the embedded engine here until Ctrl-C.

    It starts by itself in the background when something needs it; this is for watching it,
    or for clients of your own. Without a token, every program of every user on this machine
    may use it.

    Ollama's OLLAMA_NUM_PARALLEL, OLLAMA_MAX_LOADED_MODELS, OLLAMA_MAX_QUEUE,
    OLLAMA_KEEP_ALIVE, OLLAMA_CONTEXT_LENGTH, OLLAMA_LOAD_TIMEOUT and OLLAMA_ORIGINS count
    here, too.
    """
    from local_assistant.config import load_config
    from local_assistant.engine.launch import options_from_config, running_engine, serve
    from local_assistant.engine.settings import EXIT_LOCKED, with_environment

    options = dataclasses.replace(
        with_environment(options_from_config(load_config().config), os.environ),
        host=host,
        token=not no_token,
        # Whoever starts it by hand ends it by hand.
        idle_timeout_s=math.inf,
        max_tokens=max_tokens,
    )
    if port is not None:
        options = dataclasses.replace(options, port=port)
    if parallel is not None:
        options = dataclasses.replace(options, parallel=parallel)
    code = serve(options)
    if code != EXIT_LOCKED:
        return code
    other = running_engine()
    where = f" at {other.url} (process {other.pid})" if other else ""
    raise AssistantError(
        f"The embedded engine is running already{where}.",
        "Use that one, or end it first (and before it the JupyterLab that would start it again): "
        "jupyter assistant stop",
    )
