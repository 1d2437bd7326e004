"""The model process: loads one GGUF into llama.cpp's server and does nothing else.

Contract: started as ``python -m local_assistant.engine.runtime.runner`` by :mod:`.process`.
It reads one JSON line of parameters from stdin (the API key comes this way, never in argv or
the environment), answers one JSON line on its original stdout (``{"port": N, ...}`` or
``{"error": TEXT}``), and ends when stdin closes, so that it never outlives the front: on Linux
at once, elsewhere after a load that has begun (llama.cpp lets no other thread run in it).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any


def main() -> int:
    # llama.cpp may print: only the report goes to the real stdout.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _end_with_the_front()
    parameters = json.loads(sys.stdin.readline())
    try:
        before = _free_on_cards()
        _check_room(parameters, cards=before > 0)
        server = _start(parameters)
    except Exception as error:  # whatever it is, the front must hear a sentence
        _say(report, {"error": str(error) or type(error).__name__})
        return 1
    port = int(server.listening_address.rpartition(":")[2])
    vram = max(0, before - _free_on_cards())
    _say(report, {"port": port, "cards": before > 0, "vram": vram})
    while sys.stdin.readline():
        pass
    # No tidy end: the front is gone or wants the memory back now.
    os._exit(0)


def _end_with_the_front() -> None:
    """Have the system end this process when its parent is gone, where it can."""
    if sys.platform == "linux":
        import ctypes

        set_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def _say(report: Any, message: dict[str, Any]) -> None:
    report.write(json.dumps(message) + "\n")
    report.flush()


def _free_on_cards() -> int:
    """Return the free memory of the graphics cards that this build of llama.cpp can use."""
    import xllamacpp

    processor = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    devices = xllamacpp.get_device_info()
    return sum(int(each["memory_free"]) for each in devices if each["type"] != processor)


def _check_room(wanted: dict[str, Any], *, cards: bool) -> None:
    """Refuse what would end in swapping or at the system's killer for want of memory.

    With a graphics card llama.cpp itself finds out what fits where.
    """
    need, room = wanted["need"], wanted["room"]
    if not cards and room is not None and need > room:
        raise MemoryError(too_large(need, room))


def too_large(need: int, room: int) -> str:
    """Return the sentence that refuses a model."""
    return (
        f"model requires more system memory ({need / 2**30:.1f} GiB) "
        f"than is available ({room / 2**30:.1f} GiB)"
    )


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
    params.n_threads_http = wanted["slots"] + 3
    params.n_parallel = wanted["slots"]
    params.n_ctx = wanted["context"] * wanted["slots"]
    params.kv_unified = False
    params.n_batch = wanted["batch"]
    params.n_ubatch = wanted["batch"]
    params.n_gpu_layers = wanted["gpu_layers"]
    params.cache_ram_mib = wanted["cache_mib"]
    # Each slot keeps its own prompt; copying the idle ones at every request costs time.
    params.cache_idle_slots = False
    params.ctx_shift = False
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(path, 1.0) for path in wanted["adapters"]
    ]
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
