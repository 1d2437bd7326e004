"""The configuration that is in force: defaults, the user's file, a project's file, OLLAMA_HOST.

Contract: :func:`load_config` merges them, the later winning, and says of each setting where
it comes from. It raises :class:`ConfigError` with the problems of all files together.
:func:`signature` changes whenever the result might.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_assistant import paths
from local_assistant.config import hosts, wording
from local_assistant.config.own_presets import names_in
from local_assistant.config.problems import ConfigError, Problem
from local_assistant.config.reading import FileContent, is_gguf_path, read
from local_assistant.config.schema import OWN_PRESETS, ROLES, AssistantConfig, keys

HOST_ENV = "OLLAMA_HOST"
OURS_ENV = "LOCAL_ASSISTANT_ENV"
"""Names, separated by commas, of the variables that our own server extension has set."""

DEFAULT_SOURCE = "default"


@dataclass(frozen=True)
class LoadedConfig:
    """A configuration and where it comes from.

    Attributes:
        config: the settings.
        sources: for each dotted setting: ``default``, ``FILE:LINE`` or ``OLLAMA_HOST``.
        files: the files that were read, the later winning.
    """

    config: AssistantConfig
    sources: dict[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def values(self) -> dict[str, object]:
        """Return every setting's value by its dotted name."""
        tables = self.config.model_dump()
        return {name: tables[name.partition(".")[0]][name.partition(".")[2]] for name in keys()}


def load_config(start: Path | None = None) -> LoadedConfig:
    """Return the configuration in force.

    Args:
        start: the notebook's folder; a project's file is looked for from there upward.

    Raises:
        ConfigError: a file or OLLAMA_HOST cannot be used.
    """
    contents: list[FileContent] = []
    errors: list[ConfigError] = []
    for path, project in config_files(start):
        try:
            own = [name for content in contents for name in names_in(content.tables)]
            contents.append(read(path, project=project, presets=own))
        except FileNotFoundError:
            continue  # it went between looking and reading
        except ConfigError as error:
            errors.append(error)
    try:
        environment = _from_environment()
    except ConfigError as error:
        errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigError([problem for error in errors for problem in error.problems])
    return _merge(contents, environment)


def default_config() -> LoadedConfig:
    """Return the configuration without any file, for when the files cannot be used."""
    try:
        return _merge([], _from_environment())
    except ConfigError:
        return _merge([], None)


def config_files(start: Path | None = None) -> list[tuple[Path, bool]]:
    """Return the existing files as (path, is a project's), in the order of their weight."""
    own = paths.user_config_file()
    found = [(own, False)] if _exists(own) else []
    project = project_file(start) if start is not None else None
    return found + ([(project, True)] if project else [])


def project_file(start: Path) -> Path | None:
    """Return the nearest project file from ``start`` upward, or None.

    The user's own file is none. A file of another user is none either, unless the
    notebook's folder belongs to the same one: else anybody could put one in ``/tmp``.
    """
    folder = start.expanduser().absolute()
    own = paths.user_config_file()
    for candidate in _candidates(folder):
        if _exists(candidate) and not _same(candidate, own) and _trusted(candidate, folder):
            return candidate
    return None


def _candidates(folder: Path) -> Iterator[Path]:
    for parent in (folder, *folder.parents):
        yield parent / paths.CONFIG_NAME


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # e.g. a folder on the way that may not be entered
        return False


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # the other does not exist
        return False


def _trusted(path: Path, folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    try:
        owner = path.stat().st_uid
        return owner in (0, os.getuid()) or owner == folder.stat().st_uid
    except OSError:
        return False


def _from_environment() -> str | None:
    """Return the server that the user's own OLLAMA_HOST names, or None."""
    value = os.environ.get(HOST_ENV, "").strip()
    if not value or HOST_ENV in _set_by_us():
        return None
    try:
        return hosts.base_url(value)
    except ValueError as error:
        expected = wording.expected("server.url")
        shown = wording.found(value)
        text = f"The environment variable {HOST_ENV} is {shown} ({error}); expected {expected}."
        problem = Problem(None, None, "server.url", text, shown, expected)
        raise ConfigError([problem], f"Correct or unset {HOST_ENV}.") from error


def _set_by_us() -> set[str]:
    return {name.strip() for name in os.environ.get(OURS_ENV, "").split(",")}


def _merge(contents: list[FileContent], host: str | None) -> LoadedConfig:
    sources = dict.fromkeys(keys(), DEFAULT_SOURCE)
    tables: dict[str, dict[str, Any]] = {}
    for content in contents:
        for table, values in content.tables.items():
            merged = tables.setdefault(table, {})
            for key, value in values.items():
                dotted = f"{table}.{key}"
                merged[key] = _anchored(dotted, value, content.path.parent)
                inner = value if table == OWN_PRESETS else ()
                for name in (dotted, *(f"{dotted}.{each}" for each in inner)):
                    sources[name] = f"{content.path}:{content.lines[name]}"
    if host is not None:
        tables.setdefault("server", {})["url"] = host
        sources["server.url"] = HOST_ENV
    config = AssistantConfig.model_validate(tables)
    projects = [content.tables.get("models", {}) for content in contents if content.project]
    config._from_project = frozenset(role for role in ROLES for named in projects if role in named)
    return LoadedConfig(config, sources, tuple(content.path for content in contents))


def _anchored(dotted: str, value: Any, folder: Path) -> Any:
    """Return a value with a path in it made absolute: relative ones lie beside their file."""
    table, _, key = dotted.partition(".")
    if table == OWN_PRESETS:
        return {each: _anchored(f"models.{each}", model, folder) for each, model in value.items()}
    is_path = dotted == "engine.models_dir" or (
        table == "models" and key in ROLES and isinstance(value, str) and is_gguf_path(value)
    )
    return str(paths.expand(value.strip(), folder)) if is_path else value


def signature(start: Path | None = None) -> tuple[object, ...]:
    """Return something cheap that differs whenever :func:`load_config` might."""
    parts: list[object] = [os.environ.get(HOST_ENV), os.environ.get(OURS_ENV)]
    folder = start.expanduser().absolute() if start is not None else None
    candidates = [paths.user_config_file(), *(_candidates(folder) if folder else ())]
    for path in candidates:
        try:
            status = path.stat()
        except OSError:
            parts.append((str(path), None))
        else:
            # An atomic replace keeps neither inode nor ctime, even within one clock tick.
            seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            parts.append((str(path), *seen, status.st_mode))
    return tuple(parts)
