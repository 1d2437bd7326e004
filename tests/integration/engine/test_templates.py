"""Which template writes the prompts of a model that has its own in the GGUF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine.store.store import Store

DEMO = Path(__file__).parents[3] / "modelfiles" / "demo" / "assistant-demo.gguf"
CHATML = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
TOOLS = (
    "{{ range .Tools }}{{ .Function.Name }};{{ end }}"
    "{{ range .Messages }}{{ .Role }}:{{ .Content }}\n{{ end }}"
)


@pytest.fixture
def make(engine_http: httpx.Client) -> Iterator[Callable[..., str]]:
    """Create a model from the demo's file with a TEMPLATE."""
    base = Store(paths.models_dir()).add_gguf("template-base", DEMO)
    made = [base]

    def create(template: str) -> str:
        name = f"template-{len(made)}"
        body = {"model": name, "from": base, "template": template, "stream": False}
        engine_http.post("/api/create", json=body).raise_for_status()
        made.append(name)
        return name

    yield create
    for name in made:
        engine_http.request("DELETE", "/api/delete", json={"model": name})


def rendered(client: httpx.Client, path: str, **body: Any) -> str:
    answer = client.post(path, json={**body, "_debug_render_only": True, "stream": False})
    text: str = answer.raise_for_status().json()["_debug_info"]["rendered_template"]
    return text


def test_the_template_of_a_modelfile_is_obeyed(
    engine_http: httpx.Client, make: Callable[..., str]
) -> None:
    name = make(TOOLS)
    hello = [{"role": "user", "content": "hello"}]
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    chat = rendered(engine_http, "/api/chat", model=name, messages=hello, tools=[tool])
    assert chat == "weather;user:hello\n"
    assert rendered(engine_http, "/api/generate", model=name, prompt="hello") == "user:hello\n"
    shown = engine_http.post("/api/show", json={"model": name}).json()
    assert "tools" in shown["capabilities"]


def test_a_template_that_says_nothing_leaves_the_ggufs_own(
    engine_http: httpx.Client, make: Callable[..., str]
) -> None:
    name = make("{{ .Prompt }}")
    hello = [{"role": "user", "content": "hello"}]
    assert rendered(engine_http, "/api/chat", model=name, messages=hello) == CHATML
    assert rendered(engine_http, "/api/generate", model=name, prompt="hello") == CHATML
