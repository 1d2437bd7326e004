"""``assistant.toml``: its schema, reading, checking, editing in place and watching.

Contract: everything other parts need is exported here. Importing costs pydantic (tomlkit
only on an edit, an error or Python 3.10); a part that starts with a kernel or with JupyterLab
imports it on first use.
"""

from local_assistant.config.durations import seconds
from local_assistant.config.editing import TEMPLATE, set_value, set_values, write_template
from local_assistant.config.hosts import DEFAULT_URL, base_url, is_loopback
from local_assistant.config.loading import (
    HOST_ENV,
    OURS_ENV,
    LoadedConfig,
    config_files,
    default_config,
    load_config,
    project_file,
)
from local_assistant.config.problems import ConfigError, Problem
from local_assistant.config.reading import is_gguf_path
from local_assistant.config.schema import ROLES, AssistantConfig, Role, keys
from local_assistant.config.watching import ConfigWatcher

__all__ = [
    "DEFAULT_URL",
    "HOST_ENV",
    "OURS_ENV",
    "ROLES",
    "TEMPLATE",
    "AssistantConfig",
    "ConfigError",
    "ConfigWatcher",
    "LoadedConfig",
    "Problem",
    "Role",
    "base_url",
    "config_files",
    "default_config",
    "is_gguf_path",
    "is_loopback",
    "keys",
    "load_config",
    "project_file",
    "seconds",
    "set_value",
    "set_values",
    "write_template",
]
