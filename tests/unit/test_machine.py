"""Free memory: a container's limit counts, its file caches do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant.machine import Readings, available_memory, read_machine

MIB = 1024**2


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "free_mib"),
    [
        ({}, 8000),
        ({"memory.max": "max", "memory.current": "1"}, 8000),
        ({"memory.max": str(4000 * MIB), "memory.current": str(1000 * MIB)}, 3000),
        (
            {
                "memory.max": str(4000 * MIB),
                "memory.current": str(3500 * MIB),
                "memory.stat": f"anon 5\ninactive_file {2000 * MIB}\nactive_file {1000 * MIB}\n",
            },
            3500,
        ),
        (
            {
                "memory/memory.limit_in_bytes": str(2000 * MIB),
                "memory/memory.usage_in_bytes": str(500 * MIB),
            },
            1500,
        ),
        ({"memory.max": str(100 * MIB), "memory.current": str(200 * MIB)}, 0),
        ({"memory.max": str(16000 * MIB), "memory.current": str(0)}, 8000),
    ],
)
def test_available_memory(tmp_path: Path, files: dict[str, str], free_mib: int) -> None:
    _write(tmp_path, {"proc/meminfo": f"MemTotal: 9\nMemAvailable:   {8000 * 1024} kB\n"})
    _write(tmp_path, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert available_memory(Readings(tmp_path, "linux")) == free_mib * MIB


def test_available_memory_where_nothing_is_told(tmp_path: Path) -> None:
    assert available_memory(Readings(tmp_path, "linux")) > 0
    assert available_memory() > 0


@pytest.mark.parametrize(
    ("files", "limit_gb"),
    [
        ({}, None),
        ({"sys/fs/cgroup/memory.max": "max"}, None),
        ({"sys/fs/cgroup/memory.max": "1073741824"}, 1.0),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912"}, 0.5),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        (
            {
                "proc/self/cgroup": "0::/user.slice/app.scope\n",
                "sys/fs/cgroup/user.slice/memory.max": "268435456",
                "sys/fs/cgroup/user.slice/app.scope/memory.max": "max",
            },
            0.25,
        ),
        (
            {
                "proc/self/cgroup": "12:cpu:/a\n9:memory:/docker/x\n",
                "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "1073741824",
            },
            1.0,
        ),
    ],
)
def test_a_containers_limit_counts(
    tmp_path: Path, files: dict[str, str], limit_gb: float | None
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    machine = read_machine(Readings(tmp_path, "linux"))
    assert machine.limited is (limit_gb is not None)
    if limit_gb is not None:
        assert machine.memory_gb == limit_gb
    else:
        assert machine.memory_bytes == 0
