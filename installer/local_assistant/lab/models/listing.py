"""What the page is told of models.

Contract: :func:`listing` blocks (call it in a thread), starts nothing and never raises because
a server does not answer or ``assistant.toml`` has a mistake: it says so in ``problem``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError

if TYPE_CHECKING:
    from local_assistant.config import LoadedConfig
    from local_assistant.models.catalog import Catalog, CatalogEntry
    from local_assistant.models.presets import Preset

ROLES = ("chat", "completion", "embedding")
_NEEDS = {"chat": "completion", "completion": "completion", "embedding": "embedding"}
"""The ability that a role needs, as model servers call it."""


def listing() -> dict[str, Any]:
    """Return the state of everything that can be chosen."""
    from local_assistant import paths
    from local_assistant.models.catalog import catalog
    from local_assistant.models.presets import presets_of

    loaded, problem = _settings()
    found = catalog(loaded.config)
    problem = problem or found.problem
    presets = presets_of(loaded.config).values()
    by_presets = _by_presets(presets)
    server = found.endpoint
    return {
        "schema": 1,
        "config": paths.display(paths.user_config_file()),
        "server": {
            "kind": server.kind,
            "url": server.url,
            "version": server.version,
            "local": server.local,
        }
        if server
        else None,
        "problem": in_words(problem) if problem else None,
        "preset": {
            "setting": loaded.config.models.preset,
            "name": found.sizing.preset.name,
            "reason": found.sizing.reason,
        },
        "presets": [
            {"name": preset.name, "summary": preset.summary, "download": preset.download}
            for preset in presets
        ],
        "roles": {role: _role(role, loaded, found) for role in ROLES},
        "models": [_model(entry, by_presets) for entry in found.entries],
    }


def in_words(error: AssistantError) -> dict[str, str | None]:
    """Return a failure as the page gets it."""
    return {"message": error.message, "fix": error.fix}


def _settings() -> tuple[LoadedConfig, AssistantError | None]:
    """Return the user's own settings; the defaults while their file has a mistake."""
    from local_assistant.config import ConfigError, default_config, load_config

    try:
        return load_config(), None
    except ConfigError as error:
        return default_config(), error


def _role(role: str, loaded: LoadedConfig, found: Catalog) -> dict[str, Any]:
    """Return what answers for ``role``, and for what the demo model stands in there."""
    from local_assistant.models.presets import DEMO_PRESET
    from local_assistant.server import DEMO_MODEL

    named = loaded.values()[f"models.{role}"]
    wanted = found.sizing.preset
    stands_in = not named and wanted.name != DEMO_PRESET and found.answers.get(role) == DEMO_MODEL
    missing = wanted.models[role] if stands_in else None
    return {
        "named": named,
        "source": loaded.sources[f"models.{role}"],
        "model": found.answers.get(role),
        "missing": {"name": missing.name, "size": missing.size} if missing else None,
    }


def _model(entry: CatalogEntry, by_presets: Mapping[str, set[str]]) -> dict[str, Any]:
    return {
        "name": entry.name,
        "installed": entry.installed,
        "size": entry.size,
        "fit": entry.fit,
        "answers": list(entry.roles),
        "suits": _suits(entry, by_presets),
        "abilities": list(entry.abilities),
        "presets": list(entry.presets),
        "good_at": entry.good_at,
        "licence": entry.licence,
        "runs_at": entry.remote_host,
    }


def _suits(entry: CatalogEntry, by_presets: Mapping[str, set[str]]) -> list[str]:
    """Return the roles that a model can answer; what is not known to be impossible counts."""
    if entry.abilities:
        return [role for role in ROLES if _NEEDS[role] in entry.abilities]
    if entry.installed:
        return list(ROLES)
    return [role for role in ROLES if role in by_presets.get(entry.name, ())]


def _by_presets(presets: Iterable[Preset]) -> dict[str, set[str]]:
    """Return the roles for which presets name each model."""
    roles: dict[str, set[str]] = {}
    for preset in presets:
        for role, spec in (*preset.models.items(), *preset.on_gpu.items()):
            roles.setdefault(spec.name, set()).add(role)
    return roles
