"""Graphics cards as the system tells of them; whatever it answers, nothing raises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local_assistant.machine import GB, Gpu, Readings, read_machine
from local_assistant.machine import nvml as nvml_module
from tests.unit.models.machines import Described, Nvidia, Nvml, amd, apple, intel

MIB = 1024**2
CARDS = (Nvidia("NVIDIA A", 8192), Nvidia("NVIDIA B", 16384))


def test_nvidia(tmp_path: Path) -> None:
    machine = read_machine(Described(16, 4, nvidia=CARDS).readings(tmp_path))
    assert machine.gpus == (Gpu("NVIDIA A", "nvidia", 8 * GB), Gpu("NVIDIA B", "nvidia", 16 * GB))


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, "AB"),
        ("0,1", "AB"),
        ("1,0", "BA"),
        ("1", "B"),
        ("1,1", "B"),
        ("", ""),
        ("-1", ""),
        ("7", ""),
        ("0,7,1", "A"),  # CUDA stops at the first that is none
        ("GPU-0002", "B"),
        ("GPU-000", ""),  # it means two
        ("nonsense", ""),
    ],
)
def test_only_cards_that_cuda_may_use(tmp_path: Path, visible: str | None, names: str) -> None:
    described = Described(16, 4, nvidia=CARDS, visible=visible)
    found = nvml_module.cards(described.readings(tmp_path))
    assert "".join(card.name[-1] for card in found) == names


@pytest.mark.parametrize(
    "broken", ["nvmlInit_v2", "nvmlDeviceGetCount_v2", "nvmlDeviceGetName", "nvmlShutdown"]
)
def test_an_old_driver_without_a_function_tells_nothing(tmp_path: Path, broken: str) -> None:
    readings = Described(16, 4, nvidia=CARDS).readings(tmp_path)
    assert nvml_module.cards(replace(readings, library=lambda _: Nvml(CARDS, broken))) == []


def test_an_older_driver_without_slices_tells_its_cards(tmp_path: Path) -> None:
    readings = Described(16, 4, nvidia=CARDS).readings(tmp_path)
    old = replace(readings, library=lambda _: Nvml(CARDS, "nvmlDeviceGetMigMode"))
    assert len(nvml_module.cards(old)) == 2


def test_the_library_is_not_looked_for_without_a_driver(tmp_path: Path) -> None:
    def never(name: str) -> None:
        raise AssertionError(name)

    readings = replace(Described(16, 4).readings(tmp_path), library=never)
    assert read_machine(readings).gpus == ()


def test_a_driver_without_its_library(tmp_path: Path) -> None:
    described = Described(16, 4, files={"dev/nvidiactl": ""})
    assert read_machine(described.readings(tmp_path)).gpus == ()


@pytest.mark.parametrize(
    ("described", "gpus"),
    [
        (Described(16, 4, files=amd(8 * GB, "RX 7600")), (Gpu("RX 7600", "amd", 8 * GB),)),
        (Described(16, 4, files=amd(512 * MIB)), (Gpu("AMD Radeon", "amd", 0, unified=True),)),
        (
            # A container to which the card was not given sees it in /sys all the same.
            Described(
                16, 4, files={name: text for name, text in amd(8 * GB).items() if "kfd" not in name}
            ),
            (),
        ),
        (Described(16, 4, files=intel()), (Gpu("Intel graphics", "intel", 0, unified=True),)),
        (Described(16, 4, files=intel(16 * GB)), (Gpu("Intel Arc", "intel", 16 * GB),)),
        (Described(16, 4, files={"sys/class/drm/card0-DP-1/status": "connected"}), ()),
        (Described(16, 4, files={"sys/class/drm/card0/device/vendor": "0x1a03"}), ()),
        (
            Described(16, 8, platform="darwin", sysctl=apple("Apple M1")),
            (Gpu("Apple M1", "apple", 16 * GB * 2 // 3, unified=True),),
        ),
        (
            Described(64, 12, platform="darwin", sysctl=apple("Apple M2 Max")),
            (Gpu("Apple M2 Max", "apple", 48 * GB, unified=True),),
        ),
        (
            Described(
                64, 12, platform="darwin", sysctl=apple("M2", iogpu__wired_limit_mb=str(56 * 1024))
            ),
            (Gpu("M2", "apple", 56 * GB, unified=True),),
        ),
        (Described(16, 8, platform="darwin"), ()),
        (
            Described(0, 8, platform="win32", adapters=(("AMD Radeon RX 6800", 16 * GB),)),
            (Gpu("AMD Radeon RX 6800", "amd", 16 * GB),),
        ),
        (
            Described(
                0,
                8,
                nvidia=CARDS[:1],
                platform="win32",
                adapters=(("NVIDIA A", 8 * GB), ("Intel(R) UHD Graphics", 128 * MIB)),
            ),
            (
                Gpu("NVIDIA A", "nvidia", 8 * GB),
                Gpu("Intel(R) UHD Graphics", "intel", 0, unified=True),
            ),
        ),
    ],
)
def test_other_makers(tmp_path: Path, described: Described, gpus: tuple[Gpu, ...]) -> None:
    assert read_machine(described.readings(tmp_path)).gpus == gpus


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, 8),
        ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 2),
        ({"sys/fs/cgroup/cpu.max": "10000 100000"}, 1),
        ({"sys/fs/cgroup/cpu.max": "1600000 100000"}, 8),
        ({"sys/fs/cgroup/cpu.max": "nonsense"}, 8),
        (
            {
                "proc/self/cgroup": "0::/pod/app",
                "sys/fs/cgroup/pod/cpu.max": "400000 100000",
                "sys/fs/cgroup/pod/app/cpu.max": "max 100000",
            },
            4,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            8,
        ),
        ({"sys/devices/system/cpu/online": "0-1,4,6-7"}, 5),
    ],
)
def test_cores(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    assert read_machine(Described(16, 8, files=files).readings(tmp_path)).cores == cores


def test_this_machine() -> None:
    machine = read_machine()
    assert machine.memory_gb > 0.1
    assert machine.cores >= 1
    assert read_machine() == machine  # nothing of it changes from call to call
    assert read_machine(Readings()) == machine
