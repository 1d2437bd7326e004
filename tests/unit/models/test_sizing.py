"""``auto`` on a table of machines: what their systems tell, and the preset with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_assistant.machine import GB, Gpu, Machine, read_machine
from local_assistant.models import sizing
from local_assistant.models.presets import MODELS, PRESETS, Kind, choose_preset
from local_assistant.models.sizing import rate, room
from tests.unit.models.machines import Described, Nvidia, amd, apple, intel

MIB = 1024**2
RTX_3060 = Nvidia("NVIDIA GeForce RTX 3060", 12288)
RTX_3090 = Nvidia("NVIDIA GeForce RTX 3090", 24576)
RTX_4090 = Nvidia("NVIDIA GeForce RTX 4090", 24564)
NOT_COUNTED = (
    "does not count, because the embedded engine cannot use it: Ollama can (ollama.com/download)"
)
V2 = {"sys/fs/cgroup/memory.max": str(2 * GB)}
V1 = {
    "proc/self/cgroup": "11:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab",
    "sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes": str(8 * GB),
    "sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_quota_us": "150000",
    "sys/fs/cgroup/cpu,cpuacct/docker/ab/cpu.cfs_period_us": "100000",
}
A100 = Nvidia(
    "NVIDIA A100-SXM4-80GB",
    81920,
    (Nvidia("NVIDIA A100-SXM4-80GB MIG 1g.10gb", 9728), Nvidia("NVIDIA A100 MIG 2g.20gb", 19968)),
)

MACHINES: list[tuple[str, Described, Kind, str]] = [
    (
        "Raspberry Pi",
        Described(3.7, 4),
        "embedded",
        "small, because this machine has 4 GB of memory",
    ),
    ("tiny VM", Described(1.9, 1), "embedded", "demo, because this machine has 2 GB of memory"),
    (
        "laptop, 8 GB",
        Described(7.6, 8),
        "embedded",
        "small, because this machine has 8 GB of memory",
    ),
    (
        "laptop, 16 GB, Intel's graphics",
        Described(15.4, 8, files=intel()),
        "ollama",
        "medium, because this machine has 15 GB of memory",
    ),
    (
        "16 GB, two cores",
        Described(15.4, 2),
        "embedded",
        "small, because this machine has 15 GB of memory, but 2 processor cores",
    ),
    (
        "container of 2 GB on a host of 64",
        Described(62.7, 16, files=V2),
        "embedded",
        "demo, because this container may use 2 GB of memory",
    ),
    (
        "container, version 1, a core and a half",
        Described(62.7, 16, files=V1),
        "embedded",
        "small, because this container may use 8 GB of memory",
    ),
    (
        "container of 16 GB with two cores' time",
        Described(
            250,
            64,
            files={
                "sys/fs/cgroup/memory.max": str(16 * GB),
                "sys/fs/cgroup/cpu.max": "200000 100000",
            },
        ),
        "embedded",
        "small, because this container may use 16 GB of memory, but 2 processor cores",
    ),
    (
        "M1, 8 GB",
        Described(8, 8, platform="darwin", sysctl=apple("Apple M1")),
        "embedded",
        "small, because this machine has 8 GB of memory, shared with the Apple M1",
    ),
    (
        "M1, 16 GB",
        Described(16, 8, platform="darwin", sysctl=apple("Apple M1")),
        "ollama",
        "medium, because this machine has 16 GB of memory, shared with the Apple M1",
    ),
    (
        "M3 Pro, 36 GB, with the embedded engine",
        Described(36, 11, platform="darwin", sysctl=apple("Apple M3 Pro")),
        "embedded",
        "large, because this machine has 36 GB of memory, shared with the Apple M3 Pro",
    ),
    (
        "M3 Pro that lets Metal take 6 GB",
        Described(
            36, 11, platform="darwin", sysctl=apple("Apple M3 Pro", iogpu__wired_limit_mb="6144")
        ),
        "ollama",
        "large, because this machine has 36 GB of memory",
    ),
    (
        "Intel Mac",
        Described(32, 8, platform="darwin"),
        "ollama",
        "medium, because this machine has 32 GB of memory",
    ),
    (
        "RTX 3060 without Ollama",
        Described(31.2, 12, nvidia=(RTX_3060,)),
        "embedded",
        "medium, because this machine has 31 GB of memory; "
        f"the NVIDIA GeForce RTX 3060 (12 GB) {NOT_COUNTED}",
    ),
    (
        "RTX 3060 with Ollama",
        Described(31.2, 12, nvidia=(RTX_3060,)),
        "ollama",
        "large, because this machine has 31 GB of memory and the NVIDIA GeForce RTX 3060 12 GB",
    ),
    (
        "RTX 4060 laptop, 16 GB",
        Described(15.4, 16, nvidia=(Nvidia("NVIDIA GeForce RTX 4060 Laptop GPU", 8188),)),
        "ollama",
        "medium, because the NVIDIA GeForce RTX 4060 Laptop GPU has 8 GB",
    ),
    (
        "RTX 4090",
        Described(62.7, 24, nvidia=(RTX_4090,)),
        "ollama",
        "large, because the NVIDIA GeForce RTX 4090 has 24 GB",
    ),
    (
        "2 × 24 GB",
        Described(125, 32, nvidia=(RTX_3090, RTX_3090)),
        "ollama",
        "large, because 2 × NVIDIA GeForce RTX 3090 have 48 GB",
    ),
    (
        "2 × 24 GB without Ollama",
        Described(15.4, 32, nvidia=(RTX_3090, RTX_3090)),
        "embedded",
        "medium, because this machine has 15 GB of memory; 2 × NVIDIA GeForce RTX 3090 (48 GB) "
        "do not count, because the embedded engine cannot use them: Ollama can "
        "(ollama.com/download)",
    ),
    (
        "2 × 24 GB of which one may be used",
        Described(15.4, 32, nvidia=(RTX_3090, RTX_3090), visible="1"),
        "ollama",
        "large, because the NVIDIA GeForce RTX 3090 has 24 GB",
    ),
    (
        "a card that may not be used",
        Described(15.4, 8, nvidia=(RTX_3090,), visible="-1"),
        "ollama",
        "medium, because this machine has 15 GB of memory",
    ),
    (
        "AMD, 16 GB",
        Described(31.2, 16, files=amd(17163091968, "AMD Radeon RX 7800 XT", card=1)),
        "ollama",
        "large, because this machine has 31 GB of memory and the AMD Radeon RX 7800 XT 16 GB",
    ),
    (
        "AMD, 16 GB, memory of 8",
        Described(7.6, 8, files=amd(17163091968)),
        "ollama",
        "medium, because the AMD Radeon has 16 GB",
    ),
    (
        "AMD's graphics inside the processor",
        Described(15.4, 16, files=amd(512 * MIB)),
        "ollama",
        "medium, because this machine has 15 GB of memory",
    ),
    (
        "Intel Arc",
        Described(15.4, 16, files={**intel(), **intel(17 * GB, card=1)}),
        "ollama",
        "large, because this machine has 15 GB of memory and the Intel Arc 17 GB",
    ),
    (
        "Windows with a Radeon and what is no card",
        Described(
            0,
            16,
            platform="win32",
            adapters=(
                ("AMD Radeon RX 7900 XTX", 24 * GB),
                ("Intel(R) UHD Graphics 770", 128 * MIB),
                ("Microsoft Remote Display Adapter", 0),
            ),
        ),
        "ollama",
        "large, because the AMD Radeon RX 7900 XTX has 24 GB",
    ),
    (
        "server of 96 cores",
        Described(251, 96),
        "embedded",
        "large, because this machine has 251 GB of memory",
    ),
    (
        "much memory, two cores",
        Described(62.7, 2),
        "embedded",
        "small, because this machine has 63 GB of memory, but 2 processor cores",
    ),
    (
        "much memory, four cores: a mixture of experts is quicker than a smaller model",
        Described(62.7, 4),
        "embedded",
        "large, because this machine has 63 GB of memory",
    ),
    (
        "memory not told",
        Described(0, 8),
        "embedded",
        "small, because this machine does not tell its memory",
    ),
    (
        "memory not told, but a card's",
        Described(0, 8, nvidia=(RTX_3060,)),
        "ollama",
        "medium, because the NVIDIA GeForce RTX 3060 has 12 GB",
    ),
    (
        "WSL with half of the host's memory",
        Described(15.5, 16, nvidia=(RTX_4090,), files={"dev/dxg": ""}),
        "ollama",
        "large, because the NVIDIA GeForce RTX 4090 has 24 GB",
    ),
    (
        "a slice of an A100",
        Described(31.2, 8, nvidia=(A100,)),
        "ollama",
        "large, because this machine has 31 GB of memory and the NVIDIA A100 MIG 2g.20gb 20 GB",
    ),
    (
        "DGX Spark: one memory for both",
        Described(119.7, 20, nvidia=(Nvidia("NVIDIA GB10", None),)),
        "ollama",
        "large, because this machine has 120 GB of memory, shared with the NVIDIA GB10",
    ),
]


@pytest.mark.parametrize(
    ("described", "kind", "reason"),
    [machine[1:] for machine in MACHINES],
    ids=[machine[0] for machine in MACHINES],
)
def test_auto(tmp_path: Path, described: Described, kind: Kind, reason: str) -> None:
    machine = read_machine(described.readings(tmp_path))
    chosen = choose_preset("auto", machine, kind=kind)
    assert chosen.reason == reason
    assert chosen.preset.name == reason.partition(",")[0]
    assert [preset.name for preset in chosen.candidates][:1] in ([chosen.preset.name], [])
    assert "demo" not in [preset.name for preset in chosen.candidates]
    # What is free now does not count, nor does anything else that changes.
    assert choose_preset("auto", machine, kind=kind) == chosen


def test_one_model_does_more_where_all_of_it_fits_a_card() -> None:
    card = Gpu("NVIDIA GeForce RTX 4090", "nvidia", 24 * GB)
    there = choose_preset("auto", Machine(64 * GB, 16, gpus=(card,)), kind="ollama").preset
    without = choose_preset("auto", Machine(64 * GB, 16), kind="ollama").preset
    assert there.name == without.name == "large"
    assert there.models["completion"].name == "qwen3-coder:30b"
    assert without.models["completion"].name == "qwen2.5-coder:1.5b"
    named = choose_preset("medium", Machine(64 * GB, 16, gpus=(card,)), kind="ollama")
    assert named.preset.models["completion"].name == "qwen2.5-coder:7b"
    assert named.reason == 'preset = "medium" in assistant.toml'
    assert named.candidates == (named.preset,)


def test_a_larger_context_takes_more() -> None:
    machine = Machine(15 * GB, 8)
    assert choose_preset("auto", machine, kind="embedded").preset.name == "medium"
    assert choose_preset("auto", machine, kind="embedded", context=16384).preset.name == "small"


def test_a_server_not_known_is_not_blamed_for_a_card() -> None:
    card = Gpu("NVIDIA GeForce RTX 3060", "nvidia", 12 * GB)
    chosen = choose_preset("auto", Machine(16 * GB, 8, gpus=(card,)))
    assert chosen.reason == "medium, because this machine has 16 GB of memory"


@pytest.mark.parametrize("memory", range(1, 130))
def test_more_memory_never_makes_it_smaller(memory: int) -> None:
    names = list(PRESETS)
    less, more = (
        choose_preset("auto", Machine(size * GB, 8), kind="embedded").preset.name
        for size in (memory, memory + 1)
    )
    assert names.index(less) <= names.index(more)


@pytest.mark.parametrize(
    ("model", "machine", "kind", "rating"),
    [
        ("qwen3-coder:30b", Machine(16 * GB, 4), "embedded", "no"),
        ("qwen3-coder:30b", Machine(24 * GB, 4), "embedded", "tight"),
        ("qwen3-coder:30b", Machine(48 * GB, 8), "embedded", "yes"),
        ("qwen3-coder:30b", Machine(48 * GB, 2), "embedded", "slow"),
        ("qwen2.5-coder:7b", Machine(16 * GB, 4), "embedded", "yes"),
        ("qwen2.5-coder:7b", Machine(16 * GB, 2), "embedded", "slow"),
        ("assistant-demo", Machine(2 * GB, 1), "embedded", "yes"),
        ("qwen2.5-coder:7b", Machine(0, 4), "embedded", "unknown"),
        ("qwen2.5-coder:7b", "RTX 3060", "embedded", "yes"),
        ("qwen2.5-coder:7b", "RTX 3060", "ollama", "graphics"),
        ("qwen3-coder:30b", "RTX 3060", "ollama", "yes"),
        ("qwen3-coder:30b", "RTX 3060", "embedded", "no"),
    ],
)
def test_how_a_model_runs(model: str, machine: Any, kind: Kind, rating: str) -> None:
    if machine == "RTX 3060":
        machine = Machine(16 * GB, 8, gpus=(Gpu("RTX 3060", "nvidia", 12 * GB),))
    spec = MODELS[model]
    assert rate(sizing.model_bytes(spec), machine, kind, spec.active) == rating


def test_a_shared_memory_is_not_counted_twice() -> None:
    machine = Machine(16 * GB, 8, gpus=(Gpu("Apple M1", "apple", 11 * GB, unified=True),))
    assert room(machine, "ollama").shared
    assert rate(15 * GB, machine, "ollama") == "no"


@pytest.mark.parametrize(("context", "place"), [(16384, "graphics"), (32768, "both")])
def test_how_much_context_a_card_of_24_gb_holds(context: int, place: str) -> None:
    card = Gpu("NVIDIA GeForce RTX 4090", "nvidia", 24564 * MIB)
    machine = Machine(32 * GB, 16, gpus=(card,))
    chosen = choose_preset("large", machine, kind="ollama", context=context)
    assert chosen.place == place  # docs/presets.md says so


def test_a_named_preset_that_is_too_large_is_taken_and_said() -> None:
    chosen = choose_preset("large", Machine(8 * GB, 4), kind="embedded")
    assert chosen.preset is PRESETS["large"]
    assert chosen.reason == (
        'preset = "large" in assistant.toml, though its models take 21 GB of memory and 8 are here'
    )
    fitting = choose_preset("large", Machine(24 * GB, 4), kind="embedded")
    assert fitting.reason == 'preset = "large" in assistant.toml'
