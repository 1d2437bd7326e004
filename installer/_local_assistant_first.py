"""A server extension that is imported before Jupyter AI's, and quiets LiteLLM.

Contract: Jupyter Server imports extensions by the order of their names, and this one begins
with an underscore for that alone. LiteLLM, which Jupyternaut imports, fetches a list of prices
from the network while it is imported: JupyterLab's start waits for it, for seconds where there
is no network. Standard library only; does nothing where the user has set the variable.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(_app: Any) -> None:
    """Nothing more to do: the import was all."""
