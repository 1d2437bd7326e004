"""What Jupyter must read from files whose names are not ours, as data for the installer.

Contract: data only, no imports, so that ``jupyter assistant install`` can read it where
Jupyter AI is missing. The installer merges it key by key and undoes it key by key.

Why the two extensions are switched off in their own packages' files and not in our
``jupyter-local-assistant.json``: ``jupyter server extension enable --sys-prefix NAME`` writes
``jupyter_server_config.d/NAME.json`` and nothing else. A file of ours that sorts later would
win over it for good, and there would be no way back on. (For the same reason that file of ours
sorts before ``local_assistant.lab.extension.json``.)
"""

from __future__ import annotations

from typing import Any

PERSONA_ID = "jupyter-ai-personas::local_assistant::LocalAssistantPersona"
"""As ``BasePersona.id`` builds it: the top-level package and the class."""

SWITCHED_OFF = (
    "jupyter_server_mcp",  # answers anybody on 127.0.0.1:3001 without a token
    "jupyter_ai_acp_client",  # 0.5 s of imports for agents that are not ours
)

SHARED_CONFIG: dict[str, dict[str, Any]] = {
    "jupyter_jupyter_ai_persona_manager_config.json": {
        "PersonaManager": {"default_persona_id": PERSONA_ID}
    },
    # JupyterLab's extension manager lists what PyPI has as soon as its panel is opened.
    "jupyter_lab_config.json": {"LabApp": {"extension_manager": "readonly"}},
    **{
        f"jupyter_server_config.d/{name}.json": {
            "ServerApp": {"jpserver_extensions": {name: False}}
        }
        for name in SWITCHED_OFF
    },
}
"""Files under ``etc/jupyter`` of the environment's prefix, and the keys that we want there."""

SHIPPED_VALUES: dict[str, dict[str, Any]] = {
    f"jupyter_server_config.d/{name}.json": {f"ServerApp.jpserver_extensions.{name}": True}
    for name in SWITCHED_OFF
}
"""What the packages themselves ship under those keys: not the user's choice the first time
the installer meets it, but the user's choice once the installer has written its own value
and finds this one again."""
