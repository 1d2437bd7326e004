"""Which models a machine can run, and how well: memory, graphics cards, cores.

Contract: pure; the same machine, server and settings give the same answer whenever it is asked
(what is free just now does not count). Only what the server that will answer can use counts:
Ollama computes on the cards of NVIDIA (CUDA), AMD (ROCm), Apple (Metal) and on Intel's Arc
(Vulkan); the embedded engine from the registry on Apple's only (its macOS wheel has Metal, those
for Linux and Windows are built for the processor). A card that is left out is named.

The memory of a model is its weights, its KV cache and :data:`OVERHEAD`. The cache holds keys and
values of each token in each layer (llama.cpp, ``src/llama-kv-cache.cpp``; F16 is its default and
Ollama's): ``2 · layers · kv_heads · head_size · 2 bytes``, times the context, times the slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from local_assistant.machine import GB, Gpu, Machine
from local_assistant.models.known import AUTO, DEMO_PRESET, MODELS, PRESETS, ModelSpec, Preset

Kind = Literal["ollama", "embedded"]
"""Which server will answer: it decides which memory counts."""

Place = Literal["graphics", "memory", "both", ""]
Rating = Literal["graphics", "yes", "tight", "slow", "no", "unknown"]

CONTEXT = 4096
"""Tokens of context where nobody sets another: of our engine, and of Ollama with less than
23 GiB of graphics memory. With more, Ollama begins with a larger one where there is room."""
SLOTS = 2
"""One for chat and one for completion: of our engine, and of an Ollama that we start."""
EMBED_CONTEXT = 2048
OVERHEAD = 400_000_000
"""A process, and llama.cpp's buffers: 512 tokens of logits over a vocabulary of 152,000 are
311 MB."""

_LEAST_SPARE = 3 * GB // 2
_MOST_SPARE = 12 * GB
_PER_CORE = 10e9
"""Parameters that one core works through in a second at four bits. A rule of thumb from one
figure: a model of 7.6 billion writes about three tokens a second on two cores, five on four."""
_CORES_USED = 16
"""More do not help: from there on the memory's speed is the limit."""
READABLE = 5.0
"""Tokens a second below which waiting for an answer is no fun."""
_SMALLEST_CARD = 2 * GB


@dataclass(frozen=True)
class Sizing:
    """The preset in force, and why.

    Attributes:
        preset: its models as they are best on this machine.
        reason: one line.
        place: where the models lie: in a card's memory, in the main memory, or in both.
        candidates: for ``auto``, the preset and the smaller ones; else the preset alone.
    """

    preset: Preset
    reason: str
    place: Place = ""
    candidates: tuple[Preset, ...] = ()


@dataclass(frozen=True)
class Room:
    """What a server may take on a machine, in bytes.

    Attributes:
        memory: main memory, what is left for notebooks and all the rest taken off.
        hard: main memory that can be had at the cost of all the rest.
        graphics: the memory of the cards that it can use.
        used: these cards.
        unused: the cards that it cannot use, though another server could.
        shared: whether the cards' memory is the main memory.
    """

    memory: int
    hard: int
    graphics: int
    used: tuple[Gpu, ...]
    unused: tuple[Gpu, ...]
    shared: bool


def kv_bytes(spec: ModelSpec, tokens: int) -> int:
    """Return the size of a KV cache for ``tokens`` tokens."""
    return 2 * spec.layers * spec.kv_heads * spec.head_size * 2 * tokens


def model_bytes(spec: ModelSpec, context: int | None = None, *, embeds: bool = False) -> int:
    """Return the memory that a model takes.

    Args:
        spec: the model.
        context: tokens of context of each slot; None: what the servers begin with.
        embeds: whether it is loaded to make vectors: one slot, a short context.
    """
    if not spec.size:
        return 0
    tokens = EMBED_CONTEXT if embeds else (context or CONTEXT) * SLOTS
    cache = kv_bytes(spec, tokens) if spec.layers else spec.size // 10
    return spec.size + cache + min(OVERHEAD, 10 * spec.size)


def need_of(name: str, size: int, context: int | None = None, *, embeds: bool = False) -> int:
    """Return about the memory that an installed model of ``size`` bytes takes; see above."""
    from local_assistant.server.installed import short

    return model_bytes(
        MODELS.get(short(name)) or ModelSpec(name, size=size), context, embeds=embeds
    )


def preset_bytes(preset: Preset, context: int | None = None) -> int:
    """Return the memory that all models of a preset take together."""
    if preset.memory_gb is not None:
        return int(preset.memory_gb * GB)
    text = {spec.name for role, spec in preset.models.items() if role != "embedding"}
    return sum(
        model_bytes(spec, context, embeds=name not in text)
        for name, spec in preset.distinct.items()
    )


def speed(spec: ModelSpec, cores: int) -> float:
    """Return about how many tokens a second a model writes on the processor; 0: not known."""
    return min(cores, _CORES_USED) * _PER_CORE / spec.active if spec.active else 0.0


def room(machine: Machine, kind: Kind | None) -> Room:
    """Return what the server ``kind`` may take on ``machine``."""
    total = machine.memory_bytes
    spare = max(_LEAST_SPARE, min(_MOST_SPARE, total * 2 // 5))
    memory, hard = max(0, total - spare), max(0, total - _LEAST_SPARE)
    cards = tuple(gpu for gpu in machine.gpus if gpu.memory_bytes >= _SMALLEST_CARD)
    used = tuple(gpu for gpu in cards if kind == "ollama" or gpu.vendor == "apple")
    shared = bool(used) and all(gpu.unified for gpu in used)
    if shared:
        graphics = min(memory, max(gpu.memory_bytes for gpu in used))
    else:
        graphics = sum(_of_card(gpu) for gpu in used if not gpu.unified)
    unused = tuple(gpu for gpu in cards if gpu not in used)
    return Room(memory, hard, graphics, used, unused, shared)


def _of_card(gpu: Gpu) -> int:
    """Return what models get of a card: the driver, and perhaps a screen, take the rest."""
    return max(0, gpu.memory_bytes * 95 // 100 - GB // 2)


def rate(need: int, machine: Machine, kind: Kind | None, active: int = 0) -> Rating:
    """Return how well a model of ``need`` bytes with ``active`` parameters runs."""
    there = room(machine, kind)
    if not machine.memory_bytes and not there.graphics:
        return "unknown"
    if need <= there.graphics:
        return "graphics"
    graphics = 0 if there.shared else there.graphics
    if need > there.hard + graphics:
        return "no"
    if active and speed(ModelSpec("", active=active), machine.cores) < READABLE:
        return "slow"
    return "yes" if need <= there.memory + graphics else "tight"


def fits(size: int, machine: Machine, kind: Kind | None) -> bool | None:
    """Return whether a model of which only its ``size`` on disk is known can be held."""
    rating = rate(model_bytes(ModelSpec("", size=size)), machine, kind)
    return None if rating == "unknown" else rating != "no"


def choose_preset(
    name: str,
    machine: Machine,
    *,
    kind: Kind | None = None,
    presets: Mapping[str, Preset] = PRESETS,
    context: int | None = None,
) -> Sizing:
    """Return the preset ``name``; ``auto`` is the largest of ours that runs well here.

    Args:
        name: of a preset, or ``auto``.
        machine: what there is.
        kind: the server that answers; None where that is not known.
        presets: all there are, the user's own too.
        context: ``[chat] context_tokens``.
    """
    there = room(machine, kind)
    if name != AUTO:
        preset, place = _placed(presets[name], there, context)
        reason = f'preset = "{name}" in assistant.toml' + _misfit(preset, there, machine, context)
        return Sizing(preset, reason, place, (preset,))
    if not machine.memory_bytes and not there.graphics:
        reason = "small, because this machine does not tell its memory"
        return Sizing(PRESETS["small"], reason, "", (PRESETS["small"],))
    ours = [_placed(preset, there, context) for preset in reversed(list(PRESETS.values()))]
    held = [(preset, place) for preset, place in ours if place]
    runs = [(preset, place) for preset, place in held if _quick(preset, place, machine)]
    preset, place = runs[0] if runs else (PRESETS[DEMO_PRESET], "")
    reason = f"{preset.name}, because {_why(place, there, machine)}"
    if held and held[0][0].name != preset.name:
        reason += f", but {machine.cores} processor core{'s' if machine.cores != 1 else ''}"
    candidates = tuple(each for each, _ in runs if each.name != DEMO_PRESET)
    return Sizing(preset, reason + _left_out(there, kind), place, candidates)


def _placed(preset: Preset, there: Room, context: int | None) -> tuple[Preset, Place]:
    """Return a preset as it is best there, and where it lies; "" where it does not fit."""
    best = preset.for_gpu()
    if there.graphics and preset_bytes(best, context) <= there.graphics:
        return best, "graphics"
    need = preset_bytes(preset, context)
    if need <= there.memory:
        return preset, "memory"
    if there.graphics and not there.shared and need <= there.memory + there.graphics:
        return preset, "both"
    return preset, ""


def _quick(preset: Preset, place: Place, machine: Machine) -> bool:
    """Return whether the answers of a preset's chat come quickly enough."""
    chat = preset.models["chat"]
    return place == "graphics" or not chat.active or speed(chat, machine.cores) >= READABLE


def _why(place: Place, there: Room, machine: Machine) -> str:
    where = "this container may use" if machine.limited else "this machine has"
    memory = f"{where} {machine.memory_gb:.0f} GB of memory"
    if place == "graphics" and there.shared:
        return f"{memory}, shared with the {there.used[0].name}"
    if place == "graphics":
        return f"{_named(there.used)} {'have' if len(there.used) > 1 else 'has'} {_sum(there.used)}"
    if place == "both":
        return f"{memory} and {_named(there.used)} {_sum(there.used)}"
    return memory


def _misfit(preset: Preset, there: Room, machine: Machine, context: int | None) -> str:
    """Return what to say where a preset that somebody named is too large."""
    need = preset_bytes(preset, context)
    if not machine.memory_bytes or need <= there.hard + (0 if there.shared else there.graphics):
        return ""
    here = f"{machine.memory_gb:.0f} are here"
    return f", though its models take {need / GB:.0f} GB of memory and {here}"


def _named(cards: tuple[Gpu, ...]) -> str:
    names = sorted({gpu.name for gpu in cards})
    if len(cards) == 1:
        return f"the {names[0]}"
    return f"{len(cards)} × {names[0]}" if len(names) == 1 else f"{len(cards)} graphics cards"


def _sum(cards: tuple[Gpu, ...]) -> str:
    return f"{sum(gpu.memory_gb for gpu in cards):.0f} GB"


def _left_out(there: Room, kind: Kind | None) -> str:
    """Return what to say about cards that the server cannot use."""
    if not there.unused or kind is None:
        return ""
    verb, it = ("do", "them") if len(there.unused) > 1 else ("does", "it")
    return (
        f"; {_named(there.unused)} ({_sum(there.unused)}) {verb} not count, because the embedded "
        f"engine cannot use {it}: Ollama can (ollama.com/download)"
    )
