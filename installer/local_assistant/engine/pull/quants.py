"""The quantizations that a repository of GGUF files has, and which one to take.

Contract: pure. A quantization is one model file, or all parts of a split one; projectors and
importance matrices are none. The order of :func:`ranked` is the rule of the assistant: first
the 4-bit class (Q4_K_M before its kin), which loses little and is the fastest that does, as
speed is memory read; then more bits, 5 before 6 before 8; then fewer, 3 before 2; the
unquantized last. Who knows the memory takes the first that fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_PART = re.compile(r"-(\d{5})-of-(\d{5})$")
_LABEL = re.compile(
    r"(?:^|[-._])((?:UD-)?(?:(?:I?Q\d|TQ\d)(?:_[A-Z0-9]{1,3}){1,3}"
    r"|(?:MX|NV)FP4(?:_MOE)?|BF16|F16|FP16|F32|FP32))(?=$|[-._])",
    re.IGNORECASE,
)
_NO_MODEL = ("mmproj", "imatrix", "projector")
_CLASSES = (4, 5, 6, 8, 3, 2, 1)
_FORMS = ("K_M", "K_XL", "K_L", "K_S", "K", "NL", "M", "S", "XS", "XXS", "1", "0")


@dataclass(frozen=True)
class HubFile:
    """One file of a repository, as Hugging Face lists it."""

    name: str
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Quant:
    """One model of a repository.

    Attributes:
        tag: what stands behind the colon of its name.
        files: its file, or its parts in their order.
        parts: how many files there should be.
    """

    tag: str
    files: tuple[HubFile, ...]
    parts: int = 1

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def whole(self) -> bool:
        return len(self.files) == self.parts


def quants_of(files: Iterable[HubFile]) -> list[Quant]:
    """Return what there is, in the repository's order."""
    found: dict[tuple[str, int], list[HubFile]] = {}
    for file in sorted(files, key=lambda each: each.name):
        name = PurePosixPath(file.name).name.lower()
        if not name.endswith(".gguf") or any(each in name for each in _NO_MODEL):
            continue
        stem = file.name[: -len(".gguf")]
        part = _PART.search(stem)
        key = (stem[: part.start()], int(part[2])) if part else (stem, 1)
        found.setdefault(key, []).append(file)
    quants: list[Quant] = []
    taken: set[str] = set()
    for (stem, parts), members in found.items():
        tag = _label(stem)
        if not tag or tag.lower() in taken:
            tag = re.sub(r"[^A-Za-z0-9_.-]", "-", PurePosixPath(stem).name)
        taken.add(tag.lower())
        quants.append(Quant(tag, tuple(members), parts))
    return quants


def _label(stem: str) -> str:
    labels = _LABEL.findall(PurePosixPath(stem).name)
    return str(labels[-1]).upper() if labels else ""


def ranked(quants: Sequence[Quant]) -> list[Quant]:
    """Return the whole ones, the best to take first."""
    return sorted((each for each in quants if each.whole), key=_rank)


def _rank(quant: Quant) -> tuple[int, int, int, int]:
    tag = quant.tag.upper().removeprefix("UD-")
    if tag.startswith(("MXFP4", "NVFP4")):
        return _CLASSES.index(4), len(_FORMS), 0, quant.size
    match = re.fullmatch(r"(I|T)?Q(\d)_(.+)", tag)
    if match is None or int(match[2]) not in _CLASSES:
        full = re.fullmatch(r"B?FP?16|FP?32", tag) is not None
        return len(_CLASSES) + full, 0, 0, quant.size
    form = _FORMS.index(match[3]) if match[3] in _FORMS else len(_FORMS)
    return _CLASSES.index(int(match[2])), form, len(quant.tag) - len(tag), quant.size


def find(quants: Sequence[Quant], tag: str) -> Quant | None:
    """Return what ``tag`` means: a quantization, or a file by its name or the end of it."""
    wanted = tag.lower().removesuffix(".gguf")
    for quant in quants:
        if quant.tag.lower() == wanted:
            return quant
    for quant in quants:
        stem = PurePosixPath(quant.files[0].name).name.lower().removesuffix(".gguf")
        stem = _PART.sub("", stem)
        if stem == wanted or re.search(rf"[-._]{re.escape(wanted)}$", stem):
            return quant
    return None
