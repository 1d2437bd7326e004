"""Change settings in ``assistant.toml``, in place.

Contract: :func:`set_values` keeps every comment, line end, symbolic link and mode, never
touches a file that it cannot read, never leaves one that is not valid, and replaces the
file in one step. :func:`write_template` writes the commented template where there is no
file yet.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant import temporary as temporary_files
from local_assistant.config import toml, wording
from local_assistant.config.own_presets import names_in
from local_assistant.config.positions import scan
from local_assistant.config.problems import ConfigError
from local_assistant.config.reading import check_text, check_value, is_gguf_path, read_text
from local_assistant.config.schema import keys
from local_assistant.errors import AssistantError

TEMPLATE = (Path(__file__).parent / "template.toml").read_text(encoding="utf-8")

_BOM = "\ufeff"
_lock = threading.Lock()


def write_template(path: Path | None = None) -> bool:
    """Write the commented template, unless there is a file already; return whether it did."""
    target = _target(path)
    if target.exists():
        return False
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="") as stream:
            stream.write(TEMPLATE)
    except OSError as error:
        if target.exists():  # somebody else was quicker
            return False
        raise paths.unwritable(target, error, paths.CONFIG_ENV) from error
    return True


def set_value(dotted_key: str, value: object, path: Path | None = None) -> Path:
    """Set one setting, or take its line out where ``value`` is None: see :func:`set_values`."""
    return set_values({dotted_key: value}, path)


def set_values(changes: Mapping[str, object], path: Path | None = None) -> Path:
    """Set settings, all of them or none; a value of None takes a line out.

    Args:
        changes: by dotted key, such as ``models.chat``, a value of the setting's type.
        path: the file; default: the user's own, made from the template if missing.

    Returns:
        The file.

    Raises:
        ConfigError: the file is not valid, or would not be; it is left as it was.
        AssistantError: there is no such setting, or the file cannot be written.
    """
    target = _target(path)
    project = path is not None and target != _target(None)
    presets = _own_presets() if "models.preset" in changes or project else []
    values = {key: _checked(key, value, presets) for key, value in changes.items()}
    with _lock:
        while True:
            found = _read(target)
            original = found if found is not None else "" if project else TEMPLATE
            _refuse_broken(original, target, project, values, presets)
            edited = original
            for key, value in values.items():
                edited = _edited(edited, key, value)
            content = check_text(edited, target, project=project, presets=presets)
            for dotted_key, value in values.items():
                table, _, key = dotted_key.partition(".")
                assert content.tables.get(table, {}).get(key) == value
            if edited == found or _replace(target, edited, found):
                return path or paths.user_config_file()


def _checked(dotted_key: str, value: object, presets: list[str]) -> object:
    """Return a value as it is to stand in the file.

    Raises:
        ConfigError: it is none for this setting.
        AssistantError: there is no such setting.
    """
    if dotted_key not in keys():
        raise _no_such_key(dotted_key)
    if isinstance(value, str) and dotted_key.startswith("models.") and is_gguf_path(value):
        value = str(paths.expand(value.strip(), Path.cwd()))
    if value is not None:
        check_value(dotted_key, value, presets)
    return value


def _read(target: Path) -> str | None:
    try:
        return read_text(target)
    except FileNotFoundError:
        return None


def _target(path: Path | None) -> Path:
    """Return the real file: a link (to a folder of dotfiles, say) is written through."""
    return Path(os.path.realpath(path or paths.user_config_file()))


def _no_such_key(dotted_key: str) -> AssistantError:
    table, _, key = dotted_key.rpartition(".")
    near = wording.nearest(dotted_key, keys()) or wording.nearest_key(table, key)
    hint = f' Did you mean "{near}"?' if near else ""
    return AssistantError(
        f"{dotted_key} is not a setting.{hint}",
        "See all settings with: jupyter assistant config show",
    )


def _own_presets() -> list[str]:
    """Return the names that the user's own file defines; none where it cannot be read."""
    try:
        return names_in(toml.parse(_read(_target(None)) or ""))
    except Exception:  # said better where the file is checked
        return []


def _refuse_broken(
    text: str, path: Path, project: bool, changed: Collection[str], presets: list[str]
) -> None:
    """Raise for a file that is not valid now; the settings to be changed may be wrong."""
    try:
        check_text(text, path, project=project, presets=presets)
    except ConfigError as error:
        # One without an expected value is no wrong value: it is set twice.
        others = [
            problem
            for problem in error.problems
            if problem.key not in changed or not problem.expected
        ]
        if others:
            raise ConfigError(others) from error


def _edited(original: str, dotted_key: str, value: object) -> str:
    import tomlkit  # only who edits pays for it

    table, _, key = dotted_key.partition(".")
    document = tomlkit.parse(original)
    held: Any = document.get(table)
    if held is not None and key in held:
        if value is None:
            held.remove(key)
        else:
            held[key] = value
        edited = tomlkit.dumps(document)
    elif value is None:
        return original
    else:
        edited = _inserted(original, table, key, tomlkit.item(value).as_string())
    if "\r\n" in original and not re.search(r"(?<!\r)\n", original):
        edited = re.sub(r"(?<!\r)\n", "\r\n", edited)
    return edited


def _inserted(text: str, table: str, key: str, value: str) -> str:
    """Return ``text`` with a new line ``key = value`` in ``[table]``.

    Done on the text, because tomlkit appends behind the blank lines and comments that
    lead over to the next table. The line goes below the template's commented example of
    the same key, else below the table's last setting.
    """
    import tomlkit

    statements = scan(text)
    heads = [
        index for index, found in enumerate(statements) if found.header and found.path == (table,)
    ]
    if not heads:
        separator = "" if not text or text.endswith("\n") else "\n"
        if any(found.path[:1] == (table,) for found in statements):  # models = {…}, models.x = …
            document = tomlkit.parse(text)
            holder: Any = document[table]
            holder[key] = tomlkit.value(value)
            return tomlkit.dumps(document)
        return f"{text}{separator}{chr(10) if text else ''}[{table}]\n{key} = {value}\n"
    last = heads[0]
    while last + 1 < len(statements) and not statements[last + 1].header:
        last += 1
    following = statements[last + 1] if last + 1 < len(statements) else None
    section_end = text.rfind("\n", 0, following.end) + 1 if following else len(text)
    at = statements[last].end
    commented = re.compile(rf"^[ \t]*#[ \t]*{re.escape(key)}[ \t]*=.*?(?=\r?$)", re.MULTILINE)
    for match in commented.finditer(text, statements[heads[0]].end, section_end):
        at = match.end()
    return f"{text[:at]}\n{key} = {value}{text[at:] or chr(10)}"


def _replace(target: Path, text: str, found: str | None) -> bool:
    """Put ``text`` in the place of the file in one step, with the mode it had.

    Returns:
        False where it is not as it was ``found``: another process's change must not be lost.
    """
    temporary: str | None = None
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = None
        bom = ""
        if target.exists():
            before = target.stat()
            with target.open("rb") as stream:
                bom = _BOM if stream.read(3) == _BOM.encode() else ""
            if not os.access(target, os.W_OK):
                raise PermissionError(13, "the file is read-only")
        temporary_files.sweep(target)
        handle, temporary = tempfile.mkstemp(
            prefix=temporary_files.prefix(target), dir=target.parent
        )
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(bom + text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes 0600; a file of settings is as readable as any new file.
        Path(temporary).chmod(stat.S_IMODE(before.st_mode) if before else 0o644)
        if before is not None and hasattr(os, "chown"):
            with contextlib.suppress(OSError):  # only root may give a file to another owner
                os.chown(temporary, before.st_uid, before.st_gid)
        if _read(target) != found:
            return False
        Path(temporary).replace(target)
    except OSError as error:
        raise paths.unwritable(target, error, paths.CONFIG_ENV) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):  # it is in its place, where all went well
                Path(temporary).unlink()
    return True
