"""Read one ``assistant.toml`` and find everything that is wrong with it.

Contract: :func:`read` returns the file's values and the line of each, or raises
:class:`ConfigError` with all its problems. It reads one file only: merging files and
the environment is ``loading``'s.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from pydantic import ValidationError

from local_assistant import paths
from local_assistant.config import own_presets, toml, wording
from local_assistant.config.positions import Statement, line_of, scan
from local_assistant.config.problems import CHECK_COMMAND, ConfigError, Problem
from local_assistant.config.schema import (
    OWN_ONLY,
    OWN_PRESETS,
    PRESETS,
    PROJECT_TABLES,
    ROLES,
    AssistantConfig,
    tables,
)

MAX_BYTES = 1_000_000
"""No configuration is longer; a longer file is a mistake, and reading it would stall a kernel."""


@dataclass(frozen=True)
class FileContent:
    """What one file says: its tables, and where each setting stands."""

    path: Path
    text: str
    tables: dict[str, dict[str, Any]]
    lines: dict[str, int] = field(default_factory=dict)
    project: bool = False


def read_text(path: Path) -> str:
    """Return the text of ``path`` with its line ends as they are, a BOM left out.

    Raises:
        ConfigError: it is no readable UTF-8 file of a sensible size.
        FileNotFoundError: there is none.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
            raise _unreadable(path, f"this is {kind}, but a file was expected", "Move it away")
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1e6:.0f} MB"
            raise _unreadable(
                path, f"this is {size} long, which no configuration is", "Move it away"
            )
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(path)) from error
    except OSError as error:
        reason = f"it cannot be read ({error.strerror or error})"
        raise _unreadable(path, reason, "Make it readable for you") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = Problem(path, line, "", "this is not UTF-8 text.", expected="UTF-8 text")
        fix = f"Save the file in the encoding UTF-8, then check with: {CHECK_COMMAND}"
        raise ConfigError([problem], fix) from error


def _unreadable(path: Path, reason: str, remedy: str) -> ConfigError:
    fix = f"{remedy}, then check with: {CHECK_COMMAND}"
    return ConfigError([Problem(path, None, "", f"{reason}.")], fix)


def read(path: Path, *, project: bool = False, presets: Collection[str] = ()) -> FileContent:
    """Read and check one file.

    Args:
        path: the file.
        project: whether it is a project's file, which may set less.
        presets: names of presets that another file defines.

    Raises:
        ConfigError: with every problem of the file.
        FileNotFoundError: there is no such file.
    """
    return check_text(read_text(path), path, project=project, presets=presets)


def check_text(
    text: str, path: Path, *, project: bool = False, presets: Collection[str] = ()
) -> FileContent:
    """Check a text as the content of ``path``; raises as :func:`read` does."""
    statements = scan(text)
    try:
        document = toml.parse(text)
    except RecursionError as error:
        problem = Problem(path, None, "", "its lists are nested too deep.")
        raise ConfigError([problem]) from error
    except Exception as error:
        from tomlkit.exceptions import TOMLKitError  # imported by now; costly in a good case

        if not isinstance(error, TOMLKitError):
            raise
        raise ConfigError([_syntax_problem(path, text, statements, error)]) from error
    problems = _problems(path, document, statements, project)
    problems += own_presets.problems(path, document, statements, presets)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
    lines = {".".join(key): line_of(statements, key) or 1 for key in _keys(document)}
    return FileContent(path, text, document, lines, project)


def _syntax_problem(
    path: Path, text: str, statements: list[Statement], error: Exception
) -> Problem:
    """Say what TOML's parser met, where, and the line it met it in."""
    message = str(error).partition(" at line ")[0]
    if "already exists" in message:
        twice = _repeated(statements)
        if twice is not None:
            name = wording.named(*twice.path)
            shown = f"[{name}]" if twice.header else name
            return Problem(path, twice.line, name, f"{shown} is set twice.", found=shown)
    line: int | None = getattr(error, "line", None)
    column = getattr(error, "col", 0) + 1 if line else None
    content = text.split("\n")[line - 1].strip() if line and line <= text.count("\n") + 1 else ""
    content = wording.printable(content)
    where = f"column {column}: " if column else ""
    met = f", in: {content[:80]}" if content else ""
    if message.startswith("Unexpected character: '\\n'"):
        message = "the line ends too early"
    reason = f"{where}this is not TOML ({message[:1].lower()}{message[1:]}{met})."
    return Problem(path, line, "", reason, found=content, expected="TOML")


def _repeated(statements: list[Statement]) -> Statement | None:
    """Return the first that says again what stands there already, as a value or a table."""
    seen: set[tuple[str, ...]] = set()
    values: set[tuple[str, ...]] = set()
    for statement in statements:
        path = statement.path
        # In `[models]`, `chat.x = 1` makes a table of chat.
        holders = set() if statement.header else {path[:end] for end in range(2, len(path))}
        if path in seen or holders & values:
            return statement
        seen |= {path, *holders}
        values |= set() if statement.header else {path}
    return None


def _problems(
    path: Path, document: dict[str, Any], statements: list[Statement], project: bool
) -> list[Problem]:
    problems: list[Problem] = []
    allowed: dict[str, Any] = {}
    for table, values in document.items():
        line = line_of(statements, (table,))
        if project and table in (*tables(), OWN_PRESETS) and table not in PROJECT_TABLES:
            problems.append(_refused_in_project(path, line, table))
        else:
            allowed[table] = values
    if project:
        problems += _kept_to_the_user(path, document, statements)
        problems += _files_elsewhere(path, document, statements)
    try:
        AssistantConfig.model_validate(allowed)
    except ValidationError as errors:
        for error in errors.errors(include_url=False, include_context=False):
            location = tuple(str(part) for part in error["loc"])
            problems.append(_problem(path, statements, location, error["type"], error["input"]))
    return problems


def _keys(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the path of each setting, and of each of the user's presets."""
    for table, values in document.items():
        for key, value in values.items():
            yield (table, key)
            if table == OWN_PRESETS:
                yield from ((table, key, each) for each in value)


def _refused_in_project(path: Path, line: int | None, table: str) -> Problem:
    own = paths.display(paths.user_config_file())
    text = (
        f"[{table}] may not be set in a project's file, only in your own ({own}), because a "
        "folder from elsewhere must not decide where your code is sent or what is started."
    )
    tables_shown = ", ".join(f"[{name}]" for name in PROJECT_TABLES)
    return Problem(path, line, table, text, found=f"[{table}]", expected=f"only {tables_shown}")


def _kept_to_the_user(
    path: Path, document: dict[str, Any], statements: list[Statement]
) -> Iterator[Problem]:
    """Yield the single settings that a project's file may not hold."""
    own = paths.display(paths.user_config_file())
    for dotted in OWN_ONLY:
        table, _, key = dotted.partition(".")
        values = document.get(table)
        if isinstance(values, dict) and key in values:
            line = line_of(statements, (table, key))
            text = (
                f"{key} in [{table}] may not be set in a project's file, only in your own ({own}), "
                "because a folder from elsewhere must not decide what a model may read or run."
            )
            yield Problem(path, line, dotted, text, found=key, expected="nothing")


def _files_elsewhere(
    path: Path, document: dict[str, Any], statements: list[Statement]
) -> Iterator[Problem]:
    """Yield the model files that a project names outside of its own folder."""
    models = document.get("models")
    for role in ROLES:
        value = models.get(role) if isinstance(models, dict) else None
        if isinstance(value, str) and is_gguf_path(value) and not _beside(path, value):
            text = (
                f"{role} in [models] of a project's file may name a .gguf in the project's folder "
                "only: a folder from elsewhere must not decide which other files are read."
            )
            line = line_of(statements, ("models", role))
            yield Problem(path, line, f"models.{role}", text, value, "a path below that folder")


def _beside(config: Path, value: str) -> bool:
    # By its words first: on Windows to look at a path of another machine is to log in there.
    windows = PureWindowsPath(value.strip())
    if windows.anchor or ".." in windows.parts or value.strip().startswith("~"):
        return False
    try:
        folder = config.parent.resolve()
        return (folder / value.strip()).resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # a link in a circle
        return False


def is_gguf_path(model: str) -> bool:
    """Return whether a model's name is a path to a GGUF file and no name of a server's."""
    name = model.strip().lower()
    return name.endswith(".gguf") and not name.startswith(("hf.co/", "huggingface.co/"))


def check_value(dotted: str, value: object, presets: Collection[str] = ()) -> None:
    """Raise :class:`ConfigError` where ``value`` is none for the setting ``table.key``.

    Args:
        dotted: the setting.
        value: its new value.
        presets: the names of the user's own presets.
    """
    table, _, key = dotted.partition(".")
    refused = "Nothing was changed; give another value."
    try:
        AssistantConfig.model_validate({table: {key: value}})
    except ValidationError as error:
        problem = _wrong_value(None, None, table, key, value)
        raise ConfigError([problem], refused) from error
    if dotted == "models.preset" and value not in (*PRESETS, *presets):
        problem = own_presets.unknown(None, None, str(value), presets)
        raise ConfigError([problem], refused)


def _problem(
    path: Path, statements: list[Statement], location: tuple[str, ...], kind: str, value: object
) -> Problem:
    if location[0] == OWN_PRESETS and len(location) > 1:
        line = line_of(statements, location[:3])
        return own_presets.wrong(path, line, location, kind, value)
    location = location[:2]
    line = line_of(statements, location)
    dotted = wording.named(*location)
    if kind == "extra_forbidden":
        return _unknown(path, line, location, value)
    if len(location) == 1:  # `models = 3`
        shown = wording.found(value)
        expected = f"a table that starts with the line [{dotted}]"
        text = f"{dotted} is {shown}; expected {expected}."
        return Problem(path, line, dotted, text, shown, expected)
    return _wrong_value(path, line, location[0], location[1], value)


def _wrong_value(
    path: Path | None, line: int | None, table: str, key: str, value: object
) -> Problem:
    dotted = f"{table}.{key}"
    shown, expected = wording.found(value), wording.expected(dotted)
    near = wording.nearest(value, wording.choices(dotted)) if isinstance(value, str) else None
    text = f"[{table}] {key} is {shown}; expected {expected}."
    if near:
        text += f' Did you mean "{near}"?'
    return Problem(path, line, dotted, text, shown, expected, near)


def _unknown(path: Path, line: int | None, location: tuple[str, ...], value: object) -> Problem:
    name = location[-1]
    shown = wording.named(name)
    if len(location) == 2:
        near = wording.nearest_key(location[0], name)
        text = f"[{location[0]}] {shown} is not a setting."
        expected = "one of " + ", ".join(tables()[location[0]].model_fields)
    elif isinstance(value, (dict, list)):
        known = [*tables(), OWN_PRESETS]
        near = wording.nearest(name, known)
        text = f"[{shown}] is not a table of settings."
        expected = "one of " + ", ".join(f"[{table}]" for table in known)
        near = f"[{near}]" if near else None
    else:
        near = wording.nearest_key("", name)
        text = f"{shown} is not a setting outside a table."
        expected = "a table's head, such as [models], above it"
    hint = near if near is None or near.startswith("[") else f'"{near}"'
    text += f" Did you mean {hint}?" if hint else f" Expected {expected}."
    return Problem(path, line, wording.named(*location), text, name, expected, near)
