"""``python -m local_assistant.engine``: the engine's front process in the foreground.

Contract: exit status 0 stopped or idle, 1 a failure said on stderr, 3 another engine holds
the lock. The launcher starts exactly this, so nothing reaches argv that is secret.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from local_assistant.engine.launch import serve
from local_assistant.engine.settings import (
    DEFAULT_IDLE_S,
    DEFAULT_PORT,
    EngineOptions,
    with_environment,
)
from local_assistant.errors import AssistantError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local_assistant.engine")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--idle-timeout-s", type=float, default=DEFAULT_IDLE_S)
    parser.add_argument("--models-dir")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--gpu-layers", type=int)
    parser.add_argument("--no-token", action="store_true")
    parser.add_argument("--parallel", type=int, help="slots of each text process")
    parser.add_argument("--max-tokens", type=int, help="cap on what a request may have written")
    given = parser.parse_args(arguments)
    options = EngineOptions(
        port=given.port,
        host=given.host,
        models_dir=given.models_dir,
        threads=given.threads,
        gpu_layers=given.gpu_layers,
        idle_timeout_s=given.idle_timeout_s,
        token=not given.no_token,
        max_tokens=given.max_tokens,
    )
    options = with_environment(options, os.environ)
    if given.parallel is not None:
        options = replace(options, parallel=given.parallel)
    try:
        return serve(options)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
