"""Read one ``assistant.toml`` and find everything that is wrong with it.

Contract: :func:`read` returns the file's values and the line of each, or raises
:class:`ConfigError` with all its problems. It reads one file only: merging files and
the environment is ``loading``'s.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from local_assistant import paths
from local_assistant.config import toml, wording
from local_assistant.config.positions import Statement, line_of, scan
from local_assistant.config.problems import CHECK_COMMAND, ConfigError, Problem
from local_assistant.config.schema import PROJECT_TABLES, AssistantConfig, tables

MAX_BYTES = 1_000_000
"""No configuration is longer; a longer file is a mistake, and reading it would stall a kernel."""


@dataclass(frozen=True)
class FileContent:
    """What one file says: its tables, and where each setting stands."""

    path: Path
    text: str
    tables: dict[str, dict[str, Any]]
    lines: dict[str, int] = field(default_factory=dict)


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


def read(path: Path, *, project: bool = False) -> FileContent:
    """Read and check one file.

    Args:
        path: the file.
        project: whether it is a project's file, which may set less.

    Raises:
        ConfigError: with every problem of the file.
        FileNotFoundError: there is no such file.
    """
    return check_text(read_text(path), path, project=project)


def check_text(text: str, path: Path, *, project: bool = False) -> FileContent:
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
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
    lines = {
        f"{table}.{key}": line_of(statements, (table, key)) or 1
        for table, values in document.items()
        for key in values
    }
    return FileContent(path, text, document, lines)


def _syntax_problem(
    path: Path, text: str, statements: list[Statement], error: Exception
) -> Problem:
    """Say what TOML's parser met, where, and the line it met it in."""
    message = str(error).partition(" at line ")[0]
    if "already exists" in message:
        twice = _repeated(statements)
        if twice is not None:
            name = ".".join(twice.path)
            shown = f"[{name}]" if twice.header else name
            return Problem(path, twice.line, name, f"{shown} is set twice.", found=shown)
    line: int | None = getattr(error, "line", None)
    column = getattr(error, "col", 0) + 1 if line else None
    content = text.split("\n")[line - 1].strip() if line and line <= text.count("\n") + 1 else ""
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
        if project and table in tables() and table not in PROJECT_TABLES:
            problems.append(_refused_in_project(path, line, table))
        else:
            allowed[table] = values
    try:
        AssistantConfig.model_validate(allowed)
    except ValidationError as errors:
        for error in errors.errors(include_url=False, include_context=False):
            location = tuple(str(part) for part in error["loc"][:2])
            problems.append(_problem(path, statements, location, error["type"], error["input"]))
    return problems


def _refused_in_project(path: Path, line: int | None, table: str) -> Problem:
    own = paths.display(paths.user_config_file())
    text = (
        f"[{table}] may not be set in a project's file, only in your own ({own}), because a "
        "folder from elsewhere must not decide where your code is sent or what is started."
    )
    tables_shown = ", ".join(f"[{name}]" for name in PROJECT_TABLES)
    return Problem(path, line, table, text, found=f"[{table}]", expected=f"only {tables_shown}")


def check_value(dotted: str, value: object) -> None:
    """Raise :class:`ConfigError` where ``value`` is none for the setting ``table.key``."""
    table, _, key = dotted.partition(".")
    try:
        AssistantConfig.model_validate({table: {key: value}})
    except ValidationError as error:
        problem = _wrong_value(None, None, table, key, value)
        raise ConfigError([problem], "Nothing was changed; give another value.") from error


def _problem(
    path: Path, statements: list[Statement], location: tuple[str, ...], kind: str, value: object
) -> Problem:
    line = line_of(statements, location)
    dotted = ".".join(location)
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
    if len(location) == 2:
        near = wording.nearest_key(location[0], name)
        text = f"[{location[0]}] {name} is not a setting."
        expected = "one of " + ", ".join(tables()[location[0]].model_fields)
    elif isinstance(value, (dict, list)):
        near = wording.nearest(name, tables())
        text = f"[{name}] is not a table of settings."
        expected = "one of " + ", ".join(f"[{table}]" for table in tables())
        near = f"[{near}]" if near else None
    else:
        near = wording.nearest_key("", name)
        text = f"{name} is not a setting outside a table."
        expected = "a table's head, such as [models], above it"
    hint = near if near is None or near.startswith("[") else f'"{near}"'
    text += f" Did you mean {hint}?" if hint else f" Expected {expected}."
    return Problem(path, line, ".".join(location), text, name, expected, near)
