"""Machines as their systems describe them: files below ``/``, sysctl, NVIDIA's library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant.machine import GB, Readings


@dataclass(frozen=True)
class Nvidia:
    """A card as NVML describes it; ``memory`` in MiB, None where it shares the machine's."""

    name: str
    memory: int | None
    slices: tuple[Nvidia, ...] = ()


class Nvml:
    """Stands in for ``libnvidia-ml.so.1``: the functions that we call, with C's conventions."""

    def __init__(self, cards: Sequence[Nvidia], broken: str = "") -> None:
        self._cards = [*cards, *(part for card in cards for part in card.slices)]
        self._count = len(cards)
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        if name == self._broken:
            raise AttributeError(name)  # as ctypes does for what a library lacks
        return super().__getattribute__("_" + name.removeprefix("nvml"))

    def _Init_v2(self) -> int:
        return 0

    def _Shutdown(self) -> int:
        return 0

    def _DeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = self._count
        return 0

    def _DeviceGetHandleByIndex_v2(self, index: int, handle: Any) -> int:
        handle._obj.value = index + 1
        return 0

    def _DeviceGetName(self, handle: Any, buffer: Any, _size: int) -> int:
        buffer.value = self._cards[handle.value - 1].name.encode()
        return 0

    def _DeviceGetUUID(self, handle: Any, buffer: Any, _size: int) -> int:
        buffer.value = f"GPU-{handle.value:04}".encode()
        return 0

    def _DeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        size = self._cards[handle.value - 1].memory
        memory._obj.total = (size or 0) * 1024**2
        return 0 if size else 3  # NVML_ERROR_NOT_SUPPORTED

    def _DeviceGetMigMode(self, handle: Any, mode: Any, _pending: Any) -> int:
        mode._obj.value = 1 if self._cards[handle.value - 1].slices else 0
        return 0

    def _DeviceGetMaxMigDeviceCount(self, _handle: Any, count: Any) -> int:
        count._obj.value = 7
        return 0

    def _DeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int, part: Any) -> int:
        slices = self._cards[handle.value - 1].slices
        if index >= len(slices):
            return 6  # NVML_ERROR_NOT_FOUND
        part._obj.value = self._cards.index(slices[index]) + 1
        return 0


@dataclass(frozen=True)
class Described:
    """A machine: what its system would tell.

    Attributes:
        memory: what the processor has, in GB as its maker counts; 0: the system does not tell.
        cores: logical processors.
        nvidia: what NVML tells.
        files: further files below ``/``.
        platform: as ``sys.platform``.
        sysctl: what macOS tells beside memory and cores.
        adapters: what Windows' registry tells.
        visible: CUDA_VISIBLE_DEVICES.
    """

    memory: float
    cores: int
    nvidia: tuple[Nvidia, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    platform: str = "linux"
    sysctl: dict[str, str] = field(default_factory=dict)
    adapters: tuple[tuple[str, int], ...] = ()
    visible: str | None = None

    def readings(self, root: Path) -> Readings:
        """Write the machine's files below ``root`` and return its readings."""
        size = int(self.memory * GB)
        files = {"sys/devices/system/cpu/online": f"0-{self.cores - 1}", **self.files}
        if size:
            files["proc/meminfo"] = f"MemTotal:       {size // 1024} kB\n"
        if self.nvidia:
            files.setdefault("proc/driver/nvidia/version", "NVRM version: 580")
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n")
        told = {"hw.memsize": str(size), "hw.ncpu": str(self.cores), **self.sysctl}
        answer = "".join(f"{name}: {value}\n" for name, value in told.items())
        return Readings(
            root,
            self.platform,
            run=lambda *_command: answer,
            library=self._library,
            adapters=lambda: list(self.adapters),
            cuda_visible=self.visible,
        )

    def _library(self, name: str) -> Any:
        if not self.nvidia or ("nvidia" not in name and "nvml" not in name):
            raise OSError(f"{name}: cannot open shared object file")
        return Nvml(self.nvidia)


def amd(vram: int, name: str = "", *, card: int = 0) -> dict[str, str]:
    """Return the files of an AMD card with ``vram`` bytes."""
    folder = f"sys/class/drm/card{card}/device"
    found = {
        f"{folder}/vendor": "0x1002",
        f"{folder}/mem_info_vram_total": str(vram),
        "dev/kfd": "",
    }
    return {**found, f"{folder}/product_name": name} if name else found


def intel(vram: int = 0, *, card: int = 0) -> dict[str, str]:
    """Return the files of Intel's graphics; with ``vram`` bytes of its own an Arc."""
    folder = f"sys/class/drm/card{card}"
    found = {f"{folder}/device/vendor": "0x8086"}
    return {**found, f"{folder}/lmem_total_bytes": str(vram)} if vram else found


def apple(name: str, **more: str) -> dict[str, str]:
    """Return what an Apple chip's sysctl tells."""
    limit = {key.replace("__", "."): value for key, value in more.items()}
    return {"machdep.cpu.brand_string": name, "hw.optional.arm64": "1", **limit}
