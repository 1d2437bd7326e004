"""Which models belong to which size of machine.

Contract: ``presets.toml`` is the data; :data:`PRESETS` and :data:`MODELS` give it typed,
read once on first use. :func:`choose_preset` sizes ``auto`` and says why in one line.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_assistant.models.machine import Machine

AUTO = "auto"
DEMO_PRESET = "demo"
ROLES = ("chat", "completion", "embedding")


@dataclass(frozen=True)
class ModelSpec:
    """A model that a preset names.

    Attributes:
        name: what Ollama calls it.
        source: ``hf.co/USER/REPO:QUANT`` for the embedded engine; empty for the demo model.
        licence: its licence.
        size: bytes of the download.
        good_at: what it is for, in a few words.
    """

    name: str
    source: str
    licence: str
    size: int
    good_at: str


@dataclass(frozen=True)
class Preset:
    """A set of models for a size of machine.

    Attributes:
        name: as in ``[models] preset``.
        summary: what it is for.
        memory_gb: the memory that a machine must have for it.
        cores: the processor cores below which its chat is too slow to wait for.
        models: the model of each role.
    """

    name: str
    summary: str
    memory_gb: float
    cores: int
    models: Mapping[str, ModelSpec]

    @property
    def download(self) -> int:
        """Bytes of all its models; one that has two roles counts once."""
        return sum({spec.name: spec.size for spec in self.models.values()}.values())


@dataclass(frozen=True)
class Sizing:
    """What ``auto`` came to."""

    preset: Preset
    reason: str


@functools.lru_cache(maxsize=1)
def _data() -> tuple[dict[str, ModelSpec], dict[str, Preset]]:
    from local_assistant.config import toml

    text = (Path(__file__).parent / "presets.toml").read_text(encoding="utf-8")
    tables = toml.parse(text)
    specs = {name: ModelSpec(name, **values) for name, values in tables["models"].items()}
    presets = {}
    for name, values in tables["presets"].items():
        models = {role: specs[values[role]] for role in ROLES}
        sizes = {key: values[key] for key in ("summary", "memory_gb", "cores")}
        presets[name] = Preset(name, models=models, **sizes)
    return specs, presets


class _Table(Mapping[str, Any]):
    """A part of the data that is read when it is first looked into."""

    def __init__(self, part: int) -> None:
        self._part = part

    def __getitem__(self, name: str) -> Any:
        return _data()[self._part][name]

    def __iter__(self) -> Iterator[str]:
        return iter(_data()[self._part])

    def __len__(self) -> int:
        return len(_data()[self._part])


MODELS: Mapping[str, ModelSpec] = _Table(0)
"""Every model that a preset names, by its name."""

PRESETS: Mapping[str, Preset] = _Table(1)
"""The presets by name, the smallest first."""


def choose_preset(name: str, machine: Machine) -> Sizing:
    """Return the preset ``name``; ``auto`` is the largest that fits ``machine``."""
    if name != AUTO:
        return Sizing(PRESETS[name], f'preset = "{name}" in assistant.toml')
    if machine.memory_bytes == 0:
        return Sizing(PRESETS["small"], "small, because this machine does not tell its memory")
    fitting = [preset for preset in PRESETS.values() if preset.memory_gb <= machine.memory_gb]
    preset = [each for each in fitting if each.cores <= machine.cores][-1]
    where = "this container may use" if machine.limited else "this machine has"
    reason = f"{preset.name}, because {where} {machine.memory_gb:.0f} GB of memory"
    if preset is not fitting[-1]:
        reason += f", but {machine.cores} processor core{'s' if machine.cores != 1 else ''}"
    return Sizing(preset, reason)


def preset_models(name: str, machine: Machine) -> dict[str, ModelSpec]:
    """Return the model of each role for the preset ``name`` on ``machine``."""
    return dict(choose_preset(name, machine).preset.models)


def with_smaller(preset: Preset) -> list[Preset]:
    """Return ``preset`` and the smaller ones but the demo, the largest first."""
    names = list(PRESETS)
    smaller = [PRESETS[name] for name in names[: names.index(preset.name) + 1]]
    return [each for each in reversed(smaller) if each.name != DEMO_PRESET]
