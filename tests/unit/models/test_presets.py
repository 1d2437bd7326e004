"""Presets: the data is whole, and ``auto`` fits a table of machines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from local_assistant.config.schema import ROLES, ModelsConfig
from local_assistant.engine import names
from local_assistant.errors import AssistantError
from local_assistant.models.catalog import fits
from local_assistant.models.hub import HubFile, pick, source_of
from local_assistant.models.machine import GB, Machine, read_machine
from local_assistant.models.presets import (
    MODELS,
    PRESETS,
    choose_preset,
    preset_models,
    with_smaller,
)
from local_assistant.server import DEMO_MODEL


@pytest.mark.parametrize(
    ("memory_gb", "preset"),
    [
        (1.0, "demo"),
        (2.0, "demo"),  # a small virtual machine
        (3.7, "small"),  # a laptop of "4 GB"
        (7.6, "small"),
        (11.7, "small"),
        (15.4, "medium"),  # "16 GB"
        (31.1, "medium"),
        (47.0, "large"),
        (125.0, "large"),
        (0, "small"),  # a system that does not tell
    ],
)
def test_auto_by_machine(memory_gb: float, preset: str) -> None:
    sizing = choose_preset("auto", Machine(int(memory_gb * GB), 8))
    assert sizing.preset.name == preset
    assert sizing.reason.startswith(preset)
    assert "\n" not in sizing.reason
    assert memory_gb == 0 or f"{memory_gb:.0f} GB" in sizing.reason


def test_few_cores_make_it_smaller_and_are_said() -> None:
    sizing = choose_preset("auto", Machine(24 * GB, 2))
    assert sizing.reason == "small, because this machine has 24 GB of memory, but 2 processor cores"
    assert choose_preset("auto", Machine(48 * GB, 4)).preset.name == "medium"


def test_a_container_is_told_of_its_limit() -> None:
    sizing = choose_preset("auto", Machine(4 * GB, 2, limited=True))
    assert sizing.reason == "small, because this container may use 4 GB of memory"


def test_a_named_preset_is_taken_as_it_is() -> None:
    sizing = choose_preset("large", Machine(GB, 1))
    assert sizing.preset.name == "large"
    assert preset_models("large", Machine(GB, 1))["chat"].name == "qwen3-coder:30b"


def test_the_data_is_what_the_schema_allows() -> None:
    allowed = get_args(ModelsConfig.model_fields["preset"].annotation)
    assert set(allowed) == {"auto", *PRESETS}
    for preset in PRESETS.values():
        assert set(preset.models) == set(ROLES)
        assert preset.summary
        assert preset.download < preset.memory_gb * GB or preset.name == "demo"
    memory = [preset.memory_gb for preset in PRESETS.values()]
    assert memory == sorted(memory)
    used = {spec.name for preset in PRESETS.values() for spec in preset.models.values()}
    assert used == set(MODELS)


def test_every_model_can_be_had_by_both_servers() -> None:
    for spec in MODELS.values():
        assert names.parse(spec.name).short.removesuffix(":latest") == spec.name
        assert spec.licence
        assert spec.good_at
        assert spec.size > 0
        if spec.name == DEMO_MODEL:
            assert spec.source == ""
        else:
            assert re.fullmatch(r"hf\.co/[\w.-]+/[\w.-]+:[A-Z0-9_]+", spec.source)
            assert all(source_of(spec.name))


def test_smaller_presets_stand_in_but_not_the_demo() -> None:
    assert [preset.name for preset in with_smaller(PRESETS["large"])] == [
        "large",
        "medium",
        "small",
    ]
    assert with_smaller(PRESETS["demo"]) == []


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
    machine = read_machine(tmp_path)
    assert machine.limited is (limit_gb is not None)
    assert machine.cores >= 1
    if limit_gb is not None:
        assert machine.memory_gb == limit_gb
    else:
        assert machine.memory_gb > 0.1


def test_what_fits() -> None:
    assert fits(18_600_000_000, Machine(16 * GB, 4)) is False
    assert fits(4_680_000_000, Machine(16 * GB, 4)) is True
    assert fits(8_000_000, Machine(GB, 1)) is True
    assert fits(1, Machine(0, 1)) is None


FILES = [
    HubFile(name)
    for name in (
        "mmproj-model-F16.gguf",
        "model.Q8_0.gguf",
        "model.IQ4_XS.gguf",
        "model.Q4_K_M.gguf",
        "big/model-Q6_K-00001-of-00002.gguf",
        "README.md",
    )
]


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (None, "model.Q4_K_M.gguf"),
        ("q8_0", "model.Q8_0.gguf"),
        ("iq4_xs", "model.IQ4_XS.gguf"),
        ("model.Q8_0.gguf", "model.Q8_0.gguf"),
        ("model.Q8_0", "model.Q8_0.gguf"),
    ],
)
def test_picking_a_file(tag: str | None, name: str) -> None:
    assert pick(FILES, tag, "u/r").name == name


@pytest.mark.parametrize(
    ("tag", "words"), [("Q6_K", "several parts"), ("K_M", 'called "K_M"'), ("F16", "called")]
)
def test_picking_what_is_not_there(tag: str, words: str) -> None:
    if tag == "K_M":  # the end of a quantisation's name, but of a whole part of it
        assert pick(FILES, tag, "u/r").name == "model.Q4_K_M.gguf"
        return
    with pytest.raises(AssistantError, match=words):
        pick(FILES, tag, "u/r")
