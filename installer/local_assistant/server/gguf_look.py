"""What a GGUF file of the user's is, read before anything is done with it.

Contract: reads headers only. :func:`look` refuses, in a sentence, what cannot be a model for
a server: no GGUF, cut short, a part that is missing, an adapter or projector, an architecture
that the embedded engine's llama.cpp does not know.
"""

from __future__ import annotations

import functools
import mmap
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.engine.gguf.header import Header

_MAGIC = b"GGUF"
_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_OTHER = "Take another GGUF of the model: jupyter assistant pull hf.co/USER/REPO"


@dataclass(frozen=True)
class LocalModel:
    """A model in files of the user's.

    Attributes:
        files: one, or its parts in their order.
        header: of the first, which says what the model is.
        parameters: of all.
    """

    files: tuple[Path, ...]
    header: Header
    parameters: int

    @property
    def size(self) -> int:
        return sum(file.stat().st_size for file in self.files)

    @property
    def about(self) -> str:
        """One line about it."""
        from local_assistant.engine.gguf.header import shown_count
        from local_assistant.setup.files import shown_bytes

        header = self.header
        said = [
            f"{header.architecture}, {shown_count(self.parameters)} parameters",
            header.quantization,
            shown_bytes(self.size),
            f"context of {header.context_length} tokens" if header.context_length else "",
            "makes vectors only" if header.embeds_only else "",
            "" if header.embeds_only else _abilities(header),
            f"{len(self.files)} files" if len(self.files) > 1 else "",
        ]
        return "; ".join(each for each in said if each and each != "unknown")


def _abilities(header: Header) -> str:
    fills = "fills in the middle" if header.inserts else "no fill-in-the-middle tokens"
    return f"{fills}; {'has a' if header.chat_template else 'no'} chat template"


def look(path: Path, *, engine: bool) -> LocalModel:
    """Return what a file is.

    Args:
        path: the file, or any part of a split one.
        engine: whether the embedded engine is to run it.

    Raises:
        AssistantError: it is nothing that can be run.
    """
    from local_assistant.engine.gguf.header import read_header

    check(path)
    files = parts_of(path)
    headers = [read_header(file) for file in files]
    first = headers[0]
    _refuse_part(path, first)
    if engine and not _known_to_llama_cpp(first.architecture):
        raise AssistantError(
            f'{path.name} is of the architecture "{first.architecture}", which the embedded '
            "engine's llama.cpp does not know.",
            "Take another model, or a newer engine: pip install --upgrade xllamacpp",
        )
    return LocalModel(files, first, sum(header.parameters for header in headers))


def check(file: Path) -> None:
    """Raise an AssistantError unless ``file`` begins as a GGUF file does."""
    from local_assistant import paths

    shown = paths.display(file)
    fix = "Give the path of a .gguf file: jupyter assistant use PATH"
    try:
        with file.open("rb") as stream:
            magic = stream.read(4)
    except FileNotFoundError:
        raise AssistantError(f"There is no file {shown}.", fix) from None
    except OSError as error:
        raise AssistantError(f"{shown} cannot be read: {error.strerror}.", fix) from error
    if magic != _MAGIC:
        raise AssistantError(f"{shown} is not a GGUF file.", fix)


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the file, or all parts of the model that it is a part of.

    Raises:
        AssistantError: a part is missing.
    """
    match = _PART.fullmatch(path.name)
    if match is None:
        return (path,)
    stem, _, count = match.groups()
    if not 1 <= int(count) <= 1000:
        return (path,)
    files = [path.with_name(f"{stem}-{n:05}-of-{count}.gguf") for n in range(1, int(count) + 1)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise AssistantError(
            f"{path.name} is one of {int(count)} files of a model; beside it is no {missing[0]}"
            f"{' (and others)' if len(missing) > 1 else ''}.",
            "Put all parts into one folder, under the names that they had.",
        )
    return tuple(files)


def _refuse_part(path: Path, header: Header) -> None:
    if header.kind == "adapter":
        raise AssistantError(
            f"{path.name} is a LoRA adapter: it changes another model and is none by itself.",
            "Make a model of both by a Modelfile (FROM, ADAPTER): "
            "jupyter assistant create NAME -f FILE",
        )
    if header.kind == "projector":
        raise AssistantError(
            f"{path.name} is an image projector, which goes with a model and is none by itself.",
            _OTHER,
        )
    if header.parameters == 0:
        raise AssistantError(f"{path.name} has no weights: only a vocabulary.", _OTHER)


@functools.lru_cache(maxsize=64)
def _known_to_llama_cpp(architecture: str) -> bool:
    """Return whether the library has the name in it; where it is not here, the load tells.

    llama.cpp has no call that lists what it knows, and a list of our own would age.
    """
    import importlib.util

    try:
        found = importlib.util.find_spec("xllamacpp")
        places = (found.submodule_search_locations or []) if found else []
        libraries = [file for place in places for file in Path(place).glob("xllamacpp*.*")]
        libraries = [file for file in libraries if file.suffix in (".so", ".pyd", ".dylib")]
        wanted = architecture.encode() + b"\0"
        return not libraries or any(_contains(file, wanted) for file in libraries)
    except (OSError, ValueError, ImportError):
        return True


def _contains(file: Path, wanted: bytes) -> bool:
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(wanted) >= 0
