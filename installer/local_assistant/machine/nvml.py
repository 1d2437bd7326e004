"""NVIDIA's cards, asked through the library of its driver (NVML).

Contract: the library is only looked for where a driver is; whatever it answers, nothing
raises. A card that is cut into slices (MIG) counts as its largest slice: CUDA gives a program
no more than one. CUDA_VISIBLE_DEVICES is obeyed, because Ollama does.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

from local_assistant.machine.sources import Readings

_MOST = 64
_LINUX = ("libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
_WINDOWS = ("nvml.dll",)
_DRIVER = ("proc/driver/nvidia/version", "dev/nvidiactl", "dev/dxg")


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


@dataclass(frozen=True)
class Card:
    """A card, or a slice of one; ``memory_bytes`` is 0 where it shares the machine's."""

    name: str
    memory_bytes: int
    uuid: str = ""


def cards(readings: Readings) -> list[Card]:
    """Return the cards that a CUDA program may use here."""
    library = _load(readings)
    if library is None:
        return []
    try:
        if library.nvmlInit_v2() != 0:
            return []
        try:
            return _visible(_all(library), readings.cuda_visible)
        finally:
            library.nvmlShutdown()
    except (AttributeError, OSError, ValueError, ctypes.ArgumentError):
        return []  # an old driver lacks a function


def _load(readings: Readings) -> Any:
    linux = readings.platform != "win32"
    if linux and not any((readings.root / name).exists() for name in _DRIVER):
        return None
    for name in _LINUX if linux else _WINDOWS:
        try:
            return readings.library(name)
        except OSError:
            continue
    return None


def _all(library: Any) -> list[Card]:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    found = []
    for index in range(min(count.value, _MOST)):
        handle = ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) == 0:
            found.append(_slice(library, handle) or _card(library, handle))
    return found


def _card(library: Any, handle: ctypes.c_void_p) -> Card:
    name = _text(library.nvmlDeviceGetName, handle) or "NVIDIA graphics card"
    memory = _Memory()
    known = library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0
    uuid = _text(library.nvmlDeviceGetUUID, handle)
    return Card(name, int(memory.total) if known else 0, uuid)


def _slice(library: Any, handle: ctypes.c_void_p) -> Card | None:
    """Return the largest slice of a card that is cut into slices, else None."""
    mode, pending, most = ctypes.c_uint(), ctypes.c_uint(), ctypes.c_uint()
    get_mode = getattr(library, "nvmlDeviceGetMigMode", None)
    if get_mode is None or get_mode(handle, ctypes.byref(mode), ctypes.byref(pending)) != 0:
        return None
    if mode.value != 1:
        return None
    found = []
    if library.nvmlDeviceGetMaxMigDeviceCount(handle, ctypes.byref(most)) == 0:
        for index in range(min(most.value, _MOST)):
            part = ctypes.c_void_p()
            if library.nvmlDeviceGetMigDeviceHandleByIndex(handle, index, ctypes.byref(part)) == 0:
                found.append(_card(library, part))
    return max(found, key=lambda card: card.memory_bytes, default=None)


def _text(function: Any, handle: ctypes.c_void_p) -> str:
    buffer = ctypes.create_string_buffer(96)
    return buffer.value.decode("utf-8", "replace") if function(handle, buffer, 96) == 0 else ""


def _visible(found: list[Card], names: str | None) -> list[Card]:
    """Return the cards that CUDA_VISIBLE_DEVICES names; as CUDA, stop at the first wrong name."""
    if names is None:
        return found
    chosen: list[Card] = []
    for name in (part.strip() for part in names.split(",")):
        by_uuid = [card for card in found if name and card.uuid.startswith(name)]
        if name.isdecimal() and int(name) < len(found):
            chosen.append(found[int(name)])
        elif len(by_uuid) == 1:
            chosen += by_uuid
        else:
            break
    return list(dict.fromkeys(chosen))
