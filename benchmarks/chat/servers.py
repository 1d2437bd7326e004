"""The engine and the two Jupyter servers that the chat benchmark compares.

Contract: one engine with one model of random weights, whose template takes tools (Jupyternaut
always sends its own); ours runs in this environment, Jupyternaut in one of its own, installed
once from ``requirements/jupyternaut.txt``, with a LiteLLM that works.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import shapes
from benchmarks.ghost.clients import MODEL, OURS, Client, lab_of
from benchmarks.ghost.serving import Served, served
from local_assistant.engine.store.store import Store
from tests.jupyterlab import JupyterLab, free_port

OUR_NAME, PEER_NAME = "Assistant", "Jupyternaut"
"""The personas, as their menus call them."""

MAX_TOKENS = 8
"""Random weights never end by themselves; what counts here is the first token."""

_CONTEXT = 16384
"""What Jupyternaut asks for; the same for all, so that nobody has the model loaded anew."""

_BARE = "shape"
_TEMPLATE = """\
{{- range $i, $_ := .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}
{{- if and (eq $i 0) $.Tools }}
<tools>
{{- range $.Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end }}
</tools>
{{- end }}
{{- range .ToolCalls }}
<tool_call>
{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
</tool_call>
{{- end }}<|im_end|>
{{ end }}<|im_start|>assistant
"""


@contextmanager
def running_engine(home: Path) -> Iterator[Served]:
    """Serve the model, not loaded yet."""
    Store(home / "models").add_gguf(_BARE, shapes.shape("1.5b", "words"))
    with served(home, "--max-tokens", str(MAX_TOKENS), context=_CONTEXT) as engine:
        engine.post(
            "/api/create",
            {"model": MODEL, "from": _BARE, "template": _TEMPLATE, "stream": False},
        )
        yield engine


def load(engine: Served) -> None:
    """Load the model with nothing in its cache."""
    engine.post("/api/generate", {"model": MODEL, "keep_alive": 0, "stream": False})
    engine.post("/api/generate", {"model": MODEL, "keep_alive": -1, "stream": False})


def ours(engine_url: str, folder: Path) -> JupyterLab:
    """Return our JupyterLab, not yet started."""
    return lab_of(OURS, engine_url, folder)


def jupyternaut(engine_url: str, folder: Path) -> JupyterLab:
    """Return a JupyterLab with Jupyternaut, not yet started."""
    environment = {
        "OLLAMA_API_BASE": engine_url,
        # Without a network LiteLLM would wait for its price list: not counted against it.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    # Its own port, because the usual one may be another server's.
    options = (f"--MCPExtensionApp.mcp_port={free_port()}",)
    client = Client(PEER_NAME, "jupyternaut.txt", environment, options)
    lab = lab_of(client, engine_url, folder)
    settings = folder / "data" / "jupyter_ai" / "config.json"
    settings.parent.mkdir(parents=True)
    chosen: dict[str, Any] = {"model_provider_id": f"ollama_chat/{MODEL}:latest"}
    settings.write_text(json.dumps(chosen), encoding="utf-8")
    return lab
