"""``jupyter assistant serve``: the embedded engine in the foreground."""

from __future__ import annotations

import dataclasses
import math

import click

from local_assistant.errors import AssistantError


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: [engine] port).")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--no-token", is_flag=True, help="Answer without a token (loopback only).")
def command(port: int | None, host: str, no_token: bool) -> int:
    """Run the embedded engine here until Ctrl-C.

    It starts by itself in the background when something needs it; this is for watching it,
    or for clients of your own. Without a token, every program of every user on this machine
    may use it.
    """
    from local_assistant.config import load_config
    from local_assistant.engine.launch import options_from_config, running_engine, serve
    from local_assistant.engine.settings import EXIT_LOCKED

    if no_token and not _is_loopback(host):
        raise AssistantError(
            f"Without a token the engine listens on loopback only, and {host} is not.",
            "Leave out --no-token, or --host.",
        )
    options = dataclasses.replace(
        options_from_config(load_config().config),
        host=host,
        token=not no_token,
        # Whoever starts it by hand ends it by hand.
        idle_timeout_s=math.inf,
    )
    if port is not None:
        options = dataclasses.replace(options, port=port)
    code = serve(options)
    if code != EXIT_LOCKED:
        return code
    other = running_engine()
    where = f" at {other.url} (process {other.pid})" if other else ""
    raise AssistantError(
        f"The embedded engine is running already{where}.",
        "Use that one, or end it first: jupyter assistant stop",
    )


def _is_loopback(host: str) -> bool:
    import ipaddress

    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
