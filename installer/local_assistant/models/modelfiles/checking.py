"""What each instruction of a Modelfile takes: a checked file, ready to be made a model of.

Contract: reads no more than the names of files beside the Modelfile. All that is wrong is told
at once, each with its line and what would be right.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.errors import AssistantError
from local_assistant.models.modelfiles.parsing import Instruction, ModelfileError, Problem, parse

_INTEGERS = (
    "num_ctx", "num_predict", "num_keep", "seed", "top_k", "repeat_last_n", "num_batch",
    "num_gpu", "main_gpu", "num_thread", "draft_num_predict",
)  # fmt: skip
_NUMBERS = (
    "temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty",
    "frequency_penalty",
)  # fmt: skip
PARAMETERS = ("stop", "use_mmap", *_INTEGERS, *_NUMBERS)
_GONE = (
    "penalize_newline", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock",
    "mirostat", "mirostat_tau", "mirostat_eta",
)  # fmt: skip
_YES, _NO = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_VERSION = re.compile(r"v?\d+(\.\d+){0,2}([-+][0-9A-Za-z.+-]+)?")
_FILE_ENDINGS = (".gguf", ".bin", ".safetensors")


@dataclass(frozen=True)
class File:
    """A file that a Modelfile names, and where."""

    path: Path
    line: int


@dataclass
class Checked:
    """A Modelfile whose every line is right.

    Attributes:
        file: how messages call it.
        base: the model to start from, if it is one; ``base_line`` is its line.
        files: the GGUF files to start from.
        adapters: LoRA files.
        drafts: models that guess ahead.
        fields: the rest of the request of ``/api/create``.
        template_line: where TEMPLATE stands, if it does.
        notices: what should be known, and is no mistake.
    """

    file: str
    base: str = ""
    base_line: int = 0
    files: list[File] = field(default_factory=list)
    adapters: list[File] = field(default_factory=list)
    drafts: list[File] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    template_line: int = 0
    notices: list[str] = field(default_factory=list)


class _Wrong(ValueError):
    """What is wrong with an instruction's value."""


def check(text: str, file: str, folder: Path) -> Checked:
    """Return what a Modelfile says.

    Args:
        text: the Modelfile.
        file: how messages call it.
        folder: where its relative paths begin.

    Raises:
        ModelfileError: with everything that is wrong.
    """
    checked = Checked(file)
    instructions, problems = parse(text)
    for instruction in instructions:
        try:
            _TAKERS[instruction.name](checked, instruction, folder)
        except _Wrong as error:
            problems.append(Problem(instruction.line, str(error)))
        except AssistantError as error:
            problems.append(Problem(instruction.line, error.message))
    if not problems and not checked.base and not checked.files:
        problems.append(
            Problem(
                None,
                "there is no FROM line; it says which model to start from, for example: "
                "FROM qwen2.5-coder:1.5b",
            )
        )
    if problems:
        raise ModelfileError(file, sorted(problems, key=lambda problem: problem.line or 0))
    return checked


def _from(checked: Checked, found: Instruction, folder: Path) -> None:
    path = paths.expand(found.value, folder)
    try:
        there = path.exists()
    except OSError:  # too long for a path, or in a folder that is closed to us
        there = False
    if there:
        checked.files += [File(each, found.line) for each in _ggufs(path)]
        return
    if _looks_like_a_path(found.value):
        raise _Wrong(f"there is no file {paths.display(path)}{_similar(path)}")
    from local_assistant.server.installed import key_of
    from local_assistant.server.own_names import refuse_own

    if " #" in found.value:
        raise _Wrong(f'"{found.value}" is not a model name; a comment wants a line of its own')
    try:
        key_of(found.value)
    except AssistantError:
        raise _Wrong(
            f'"{found.value}" is neither a model name (qwen2.5-coder:1.5b, hf.co/USER/REPO:QUANT) '
            "nor a file that is there"
        ) from None
    refuse_own(found.value)
    checked.base, checked.base_line = found.value, found.line


def _ggufs(path: Path) -> list[Path]:
    """Return the GGUF files that FROM names by a file or a folder."""
    if path.is_file():
        if path.suffix == ".safetensors":
            raise _Wrong(_NO_CONVERSION)
        return [path]
    found = sorted(path.glob("*.gguf"))
    if found:
        return found
    if any(path.glob("*.safetensors")):
        raise _Wrong(_NO_CONVERSION)
    raise _Wrong(f"the folder {paths.display(path)} has no .gguf file")


_NO_CONVERSION = (
    "safetensors are not converted here; start from a GGUF file of the model, or have Ollama "
    "convert it: ollama create NAME -f FILE"
)


def _looks_like_a_path(value: str) -> bool:
    return (
        value.startswith((".", "/", "~", "\\"))
        or "\\" in value
        or re.match(r"[A-Za-z]:[\\/]", value) is not None
        or (
            value.lower().endswith(_FILE_ENDINGS)
            and not value.startswith(("hf.co/", "huggingface.co/"))
        )
    )


def _similar(path: Path) -> str:
    """Return a hint at a file beside it that has nearly that name."""
    try:
        names = [each.name for each in path.parent.iterdir() if each.is_file()]
    except OSError:
        return f": the folder {paths.display(path.parent)} is not there"
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _file_of(found: Instruction, folder: Path) -> File:
    path = paths.expand(found.value, folder)
    if path.is_file():
        return File(path, found.line)
    if path.is_dir():
        ggufs = sorted(path.glob("*.gguf"))
        if len(ggufs) == 1:
            return File(ggufs[0], found.line)
        raise _Wrong(f"{paths.display(path)} is a folder; {found.name} wants one .gguf file")
    raise _Wrong(f"there is no file {paths.display(path)}{_similar(path)}")


def _adapter(checked: Checked, found: Instruction, folder: Path) -> None:
    checked.adapters = [_file_of(found, folder)]  # as in Ollama, the last one counts


def _draft(checked: Checked, found: Instruction, folder: Path) -> None:
    checked.drafts.append(_file_of(found, folder))


def _parameter(checked: Checked, found: Instruction, _: Path) -> None:
    name = found.key
    if name in _GONE:
        checked.notices.append(
            f"{checked.file}:{found.line}: PARAMETER {name} has no effect any more"
        )
        return
    if name not in PARAMETERS:
        near = difflib.get_close_matches(name.lower(), PARAMETERS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(PARAMETERS))}"
        raise _Wrong(f'"{name}" is not a parameter; {hint}')
    parameters = checked.fields.setdefault("parameters", {})
    if name == "stop":
        parameters.setdefault("stop", []).append(found.value)
    else:
        parameters[name] = _typed(name, found.value)


def _typed(name: str, value: str) -> Any:
    if name in _INTEGERS:
        if not re.fullmatch(r"[+-]?\d{1,18}", value):
            raise _Wrong(f'{name} is "{value}"; expected a whole number, such as {_example(name)}')
        return int(value)
    if name in _NUMBERS:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or "_" in value:
            raise _Wrong(f'{name} is "{value}"; expected a number, such as 0.2')
        return number
    if value not in (*_YES, *_NO):
        raise _Wrong(f'{name} is "{value}"; expected true or false')
    return value in _YES


def _example(name: str) -> str:
    return "8192" if name == "num_ctx" else "40"


def _text(checked: Checked, found: Instruction, _: Path) -> None:
    checked.fields[found.name.lower()] = found.value
    if found.name == "TEMPLATE":
        checked.template_line = found.line


def _license(checked: Checked, found: Instruction, _: Path) -> None:
    checked.fields.setdefault("license", []).append(found.value)


def _message(checked: Checked, found: Instruction, _: Path) -> None:
    message = {"role": found.key, "content": found.value}
    checked.fields.setdefault("messages", []).append(message)


def _requires(checked: Checked, found: Instruction, _: Path) -> None:
    if not _VERSION.fullmatch(found.value):
        raise _Wrong(f'REQUIRES is "{found.value}"; expected a version, such as 0.14.0')
    checked.fields["requires"] = found.value.removeprefix("v")


_TAKERS: dict[str, Callable[[Checked, Instruction, Path], None]] = {
    "FROM": _from,
    "PARAMETER": _parameter,
    "TEMPLATE": _text,
    "SYSTEM": _text,
    "ADAPTER": _adapter,
    "LICENSE": _license,
    "MESSAGE": _message,
    "RENDERER": _text,
    "PARSER": _text,
    "REQUIRES": _requires,
    "DRAFT": _draft,
}
