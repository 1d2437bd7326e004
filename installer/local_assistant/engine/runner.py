"""The model process: loads one GGUF into llama.cpp's server and does nothing else.

Contract: started as ``python -m local_assistant.engine.runner`` by :mod:`.process`. It reads
one JSON line of parameters from stdin (the API key comes this way, never in argv or the
environment), answers one JSON line on its original stdout (``{"port": N}`` or
``{"error": TEXT}``), and ends when stdin closes, so that it never outlives the front.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> int:
    # llama.cpp may print: only the report goes to the real stdout.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    parameters = json.loads(sys.stdin.readline())
    try:
        server = _start(parameters)
    except Exception as error:  # whatever it is, the front must hear a sentence
        _say(report, {"error": str(error) or type(error).__name__})
        return 1
    _say(report, {"port": int(server.listening_address.rpartition(":")[2])})
    while sys.stdin.readline():
        pass
    # No tidy end: the front is gone or wants the memory back now.
    os._exit(0)


def _say(report: Any, message: dict[str, Any]) -> None:
    report.write(json.dumps(message) + "\n")
    report.flush()


def _start(wanted: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wanted["gguf"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [wanted["api_key"]]
    params.cors_origins = ""
    params.ui = False
    params.verbosity = 1
    params.n_threads_http = 4
    params.n_parallel = wanted["slots"]
    params.n_ctx = wanted["context"] * wanted["slots"]
    params.kv_unified = False
    params.n_batch = wanted["batch"]
    params.n_ubatch = wanted["batch"]
    params.n_gpu_layers = wanted["gpu_layers"]
    params.cache_ram_mib = wanted["cache_mib"]
    params.ctx_shift = False
    if wanted["threads"]:
        params.cpuparams.n_threads = wanted["threads"]
        params.cpuparams_batch.n_threads = wanted["threads"]
    if wanted["embedding"]:
        params.embedding = True
        params.cache_prompt = False
        if wanted["mean_pooling"]:
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xllamacpp.Server(params)


if __name__ == "__main__":
    sys.exit(main())
