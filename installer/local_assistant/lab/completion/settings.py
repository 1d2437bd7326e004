"""The settings that the browser may see and change.

Contract: everything about a setting comes from the schema of ``assistant.toml``; a change
goes through ``config.set_value``, so that comments stay and a bad value is refused.
"""

from __future__ import annotations

from typing import Any

from local_assistant import paths
from local_assistant.config import AssistantConfig, load_config, set_value, wording
from local_assistant.config.loading import default_config
from local_assistant.config.problems import ConfigError
from local_assistant.config.schema import keys
from local_assistant.errors import AssistantError


def editable() -> list[str]:
    """Return the dotted names of the settings that the panel shows."""
    return [name for name in keys() if name.partition(".")[0] in ("completion", "models")]


def describe() -> dict[str, Any]:
    """Return the protocol's settings object."""
    try:
        loaded = load_config()
    except ConfigError:
        loaded = default_config()
    values = loaded.values()
    return {
        "schema": 1,
        "path": str(paths.user_config_file()),
        "values": {
            name: {
                "value": values[name],
                "source": loaded.sources[name],
                **_about(name, loaded.config),
            }
            for name in editable()
        },
    }


def change(key: object, value: object) -> dict[str, Any]:
    """Set one setting, or take its line out where ``value`` is None.

    Raises:
        AssistantError: it is no setting of the panel, or the value is bad.
    """
    if not isinstance(key, str) or key not in editable():
        raise AssistantError(
            f"{key} cannot be set here.", "See all settings with: jupyter assistant config show"
        )
    table, _, name = key.partition(".")
    if table == "models":
        from local_assistant.lab.models.choosing import use

        use(name, value)
    else:
        set_value(key, value)
    return describe()


def _about(name: str, config: AssistantConfig) -> dict[str, Any]:
    low, high = wording.limits(name)
    choices = config.preset_names() if name == "models.preset" else wording.choices(name)
    return {
        "default": wording.default(name),
        "kind": "choice" if choices else wording.kind(name),
        "choices": choices or None,
        "description": wording.description(name),
        "min": low,
        "max": high,
    }
