"""The presets and models of ``presets.toml``, typed.

Contract: :data:`PRESETS` and :data:`MODELS` are read once, on first use. What a machine makes
of them is ``sizing``'s; the user's own presets are added by ``presets``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

AUTO = "auto"
DEMO_PRESET = "demo"
ROLES = ("chat", "completion", "embedding")


@dataclass(frozen=True)
class ModelSpec:
    """A model that a preset names; of a model of the user's own only the name is known.

    Attributes:
        name: what Ollama calls it.
        source: ``hf.co/USER/REPO:QUANT``, for where Ollama's registry cannot be reached; empty
            for the demo model.
        licence: its licence.
        size: bytes of the download.
        good_at: what it is for, in a few words.
        layers: how many layers have a KV cache.
        kv_heads: heads of keys and values in each; 0 for a model without a cache.
        head_size: numbers in each head.
        active: parameters that work on each token.
        page: where all this can be looked up.
        checked: what of it was looked up, and where.
    """

    name: str
    source: str = ""
    licence: str = ""
    size: int = 0
    good_at: str = ""
    layers: int = 0
    kv_heads: int = 0
    head_size: int = 0
    active: int = 0
    page: str = ""
    checked: str = ""


@dataclass(frozen=True)
class Preset:
    """A set of models for a size of machine.

    Attributes:
        name: as in ``[models] preset``.
        summary: what it is for.
        models: the model of each role.
        on_gpu: the roles that another model answers where all fits a graphics card.
        memory_gb: what its author says that it needs; None: computed from the models.
        own: whether it is the user's.
    """

    name: str
    summary: str
    models: Mapping[str, ModelSpec]
    on_gpu: Mapping[str, ModelSpec] = field(default_factory=dict)
    memory_gb: float | None = None
    own: bool = False

    @property
    def distinct(self) -> dict[str, ModelSpec]:
        """Its models by name; one that has two roles stands here once."""
        return {spec.name: spec for spec in self.models.values()}

    @property
    def download(self) -> int:
        """Bytes of all its models, as far as they are known."""
        return sum(spec.size for spec in self.distinct.values())

    def for_gpu(self) -> Preset:
        """Return the variant for a graphics card that holds all of it."""
        return replace(self, models={**self.models, **self.on_gpu})


@functools.lru_cache(maxsize=1)
def _data() -> tuple[dict[str, ModelSpec], dict[str, Preset]]:
    from local_assistant.config import toml

    text = (Path(__file__).parent / "presets.toml").read_text(encoding="utf-8")
    tables = toml.parse(text)
    specs = {name: ModelSpec(name, **values) for name, values in tables["models"].items()}
    presets = {}
    for name, values in tables["presets"].items():
        models = {role: specs[values[role]] for role in ROLES}
        on_gpu = {role: specs[model] for role, model in values.get("on_gpu", {}).items()}
        presets[name] = Preset(name, values["summary"], models, on_gpu)
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
"""Every model that a preset of ours names, by its name."""

PRESETS: Mapping[str, Preset] = _Table(1)
"""Our presets by name, the smallest first."""
