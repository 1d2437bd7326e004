"""The graphics cards of this machine and their memory.

Contract: nothing raises and nothing is changed; a card that cannot be reached from here (a
container without its device) is not listed. NVIDIA is asked through its own library, AMD and
Intel through Linux' ``/sys``, Apple through ``sysctl``, others on Windows through the registry.
"""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass
from typing import Any, Literal

from local_assistant.machine import nvml
from local_assistant.machine.sources import GB, Readings, sysctl, sysctl_number

Vendor = Literal["nvidia", "amd", "apple", "intel"]
_SMALL = 2 * GB
"""A card with less is the processor's own graphics, which borrows main memory."""
_ADAPTERS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"


@dataclass(frozen=True)
class Gpu:
    """A graphics card.

    Attributes:
        name: as its maker calls it.
        vendor: who made it.
        memory_bytes: what models may take of its memory; 0 where the system does not say.
        unified: whether that is the processor's memory, too.
    """

    name: str
    vendor: Vendor
    memory_bytes: int = 0
    unified: bool = False

    @property
    def memory_gb(self) -> float:
        return self.memory_bytes / GB


@functools.lru_cache(maxsize=64)
def read_gpus(readings: Readings, total_memory: int) -> tuple[Gpu, ...]:
    """Return the cards; read once in a process, they do not come and go.

    Args:
        readings: whom to ask.
        total_memory: the machine's own memory, for cards that share it.
    """
    if readings.platform == "darwin":
        return _apple(readings, total_memory)
    found = [
        Gpu(card.name, "nvidia", card.memory_bytes or total_memory, not card.memory_bytes)
        for card in nvml.cards(readings)
    ]
    if readings.platform == "win32":
        return (*found, *_windows(readings))
    return (*found, *_linux(readings))


def _apple(readings: Readings, total: int) -> tuple[Gpu, ...]:
    """Return an Apple chip's graphics with the part of the memory that Metal may take.

    By default that is two thirds, of more than 36 GB three quarters (what Metal answers for
    ``recommendedMaxWorkingSetSize``); ``iogpu.wired_limit_mb`` overrides it.
    """
    if sysctl_number(readings, "hw.optional.arm64") != 1:
        return ()
    name = sysctl(readings).get("machdep.cpu.brand_string", "Apple graphics")
    part = total * 3 // 4 if total > 36 * GB else total * 2 // 3
    limit = sysctl_number(readings, "iogpu.wired_limit_mb") * 1024**2
    return (Gpu(name, "apple", limit or part, unified=True),)


def _linux(readings: Readings) -> list[Gpu]:
    found = []
    with contextlib.suppress(OSError):  # no such folder, or it may not be read
        for card in sorted((readings.root / "sys/class/drm").glob("card*")):
            if re.fullmatch(r"card\d+", card.name):
                gpu = _drm_card(readings, f"sys/class/drm/{card.name}")
                found += [gpu] if gpu else []
    return found


def _drm_card(readings: Readings, folder: str) -> Gpu | None:
    vendor = readings.text(folder, "device/vendor")
    if vendor == "0x1002" and (readings.root / "dev/kfd").exists():
        memory = readings.number(folder, "device/mem_info_vram_total")
        name = readings.text(folder, "device/product_name") or "AMD Radeon"
        own = memory if memory >= _SMALL else 0
        return Gpu(name, "amd", own, unified=not own)
    if vendor == "0x8086":
        memory = readings.number(folder, "lmem_total_bytes")
        memory = memory or readings.number(folder, "device/tile0/physical_vram_size_bytes")
        name = "Intel Arc" if memory else "Intel graphics"
        return Gpu(name, "intel", memory, unified=not memory)
    return None


def _windows(readings: Readings) -> list[Gpu]:
    found = []
    for name, memory in (readings.adapters or _registry)():
        vendor = _vendor(name)
        if vendor is not None:
            own = memory if memory >= _SMALL else 0
            found.append(Gpu(name, vendor, own, unified=not own))
    return found


def _vendor(name: str) -> Vendor | None:
    """Return who made a card; None for NVIDIA's (asked already) and for what is no card."""
    if re.search(r"\b(AMD|Radeon|ATI)\b", name):
        return "amd"
    return "intel" if "Intel" in name else None


def _registry() -> list[tuple[str, int]]:
    """Return the graphics cards that Windows has drivers for, with their memory."""
    try:
        import winreg as module
    except ImportError:
        return []
    winreg: Any = module
    found = []
    with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _ADAPTERS) as all_:
        for number in range(16):
            with (
                contextlib.suppress(OSError, TypeError, ValueError),
                winreg.OpenKey(all_, f"{number:04}") as key,
            ):
                name = str(winreg.QueryValueEx(key, "DriverDesc")[0])
                memory = int(winreg.QueryValueEx(key, "HardwareInformation.qwMemorySize")[0])
                found.append((name, memory))
    return found
