"""Access, settings and state over HTTP; servers and models that are not there, or come back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_assistant import paths
from local_assistant.engine.launch import ensure_engine, running_engine, stop_engine
from local_assistant.engine.store.store import Store
from tests.integration.engine import tiny_gguf
from tests.integration.engine.conftest import runners
from tests.integration.lab.completion.conftest import Engine, Jupyter, body, until
from tests.jupyterlab import free_port

Setting = Callable[[str, object], None]
DEMO = "assistant-demo:latest"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "complete"),
        ("GET", "completion"),
        ("POST", "completion/warm"),
        ("GET", "completion/settings"),
        ("PATCH", "completion/settings"),
    ],
)
def test_strangers_get_nothing(jupyter: Jupyter, method: str, path: str) -> None:
    url = f"{jupyter.url}/local-assistant/{path}"
    with httpx.Client(trust_env=False, timeout=60) as stranger:
        assert stranger.request(method, url, json={}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "complete", body("import nump")),
        ("POST", "completion/warm", {}),
        ("PATCH", "completion/settings", {"key": "completion.enabled", "value": False}),
    ],
)
def test_another_sites_page_gets_nothing(
    jupyter: Jupyter, method: str, path: str, sent: dict[str, Any]
) -> None:
    """A browser that is logged in sends its cookie; without the XSRF header that is no use."""
    with httpx.Client(base_url=jupyter.url, trust_env=False, timeout=60) as browser:
        browser.get("/api/contents", params={"token": jupyter.token})
        logged_in = browser.get("/local-assistant/completion")
        assert logged_in.status_code == 200
        url = f"/local-assistant/{path}"
        assert browser.request(method, url, json=sent).status_code == 403
        browser.get("/tree", params={"token": jupyter.token})
    assert jupyter.status()["enabled"] is True


@pytest.mark.parametrize("sent", [b"", b"[]", b"{", b'{"prefix": 1}'])
def test_a_bad_body(jupyter: Jupyter, sent: bytes) -> None:
    reply = jupyter.http.post("complete", content=sent)
    assert reply.status_code == 400 and reply.json()["message"]


def test_settings_are_shown_and_changed_in_the_users_file(
    jupyter: Jupyter, setting: Setting
) -> None:
    shown = jupyter.http.get("completion/settings").json()
    assert shown["path"] == str(paths.user_config_file())
    tokens = shown["values"]["completion.max_tokens"]
    assert (tokens["kind"], tokens["min"], tokens["max"]) == ("int", 1, 4096)
    assert shown["values"]["completion.enabled"]["kind"] == "bool"
    assert shown["values"]["completion.fim_order"]["choices"] == ["auto", "line_last", "psm"]
    assert shown["values"]["models.preset"]["value"] == "demo"
    assert shown["values"]["models.completion"]["kind"] == "str"
    assert all(value["description"] for value in shown["values"].values())
    change = {"key": "completion.max_tokens", "value": 99}
    changed = jupyter.http.patch("completion/settings", json=change).json()
    assert changed["values"]["completion.max_tokens"]["value"] == 99
    assert "max_tokens = 99" in paths.user_config_file().read_text(encoding="utf-8")
    assert jupyter.status()["settings"]["max_tokens"] == 99
    back = jupyter.http.patch("completion/settings", json={**change, "value": None}).json()
    assert back["values"]["completion.max_tokens"]["source"] == "default"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("completion.max_tokens", 0),
        ("completion.max_tokens", "64"),
        ("completion.fim_order", "backwards"),
        ("server.url", "http://elsewhere:1"),
        ("completion.nothing", 1),
        (None, 1),
    ],
)
def test_a_bad_value_is_refused(jupyter: Jupyter, key: object, value: object) -> None:
    before = paths.user_config_file().read_text(encoding="utf-8")
    reply = jupyter.http.patch("completion/settings", json={"key": key, "value": value})
    assert reply.status_code == 400 and reply.json()["message"]
    assert paths.user_config_file().read_text(encoding="utf-8") == before


def test_pausing_counts_at_once(jupyter: Jupyter, setting: Setting, engine_now: Engine) -> None:
    setting("completion.enabled", False)
    before = engine_now.counts()["started"]
    answer = jupyter.ask("import nump")
    assert (answer.end["reason"], answer.end["status"]["state"]) == ("disabled", "paused")
    assert engine_now.counts()["started"] == before
    setting("completion.enabled", True)
    assert jupyter.ask("import nump").text == "y as np"


def test_the_order_can_be_set(jupyter: Jupyter, setting: Setting) -> None:
    setting("completion.fim_order", "psm")
    answer = jupyter.ask("import nump")
    assert (answer.end["mode"], answer.text) == ("psm", "y as np")


def test_not_here_says_why(jupyter: Jupyter) -> None:
    end = jupyter.ask("pri", "nt").end
    assert (end["reason"], end["shown"]) == ("not_here", False) and end["message"]
    assert jupyter.status()["last"]["reason"] == "not_here"


def test_models_are_listed_when_asked_for(jupyter: Jupyter) -> None:
    assert "models" not in jupyter.status()
    models = {model["name"]: model for model in jupyter.status(models="1")["models"]}
    assert models[DEMO]["insert"] is True and models[DEMO]["size"] > 1_000_000


def test_a_missing_model_is_said_with_the_way_out(jupyter: Jupyter, setting: Setting) -> None:
    setting("models.completion", "nothing:1b")
    answer = jupyter.ask("import nump")
    assert answer.end["reason"] == "no_model"
    assert "jupyter assistant pull nothing:1b" in answer.end["message"]
    status = jupyter.status()
    assert status["state"] == "error"
    assert "nothing:1b" in status["error"]["message"] and status["error"]["fix"]
    setting("models.completion", None)
    assert jupyter.ask("import nump").text == "y as np"
    assert jupyter.status()["error"] is None


def test_a_model_of_an_unknown_name_is_asked_by_its_own_tokens(
    jupyter: Jupyter, setting: Setting, tmp_path: Path
) -> None:
    for name, fim, mode in (("mine:1b", True, "line_last"), ("mine:2b", False, "prefix")):
        file = tiny_gguf.write(tmp_path / f"{mode}.gguf", fim=fim)
        Store(paths.models_dir()).add_gguf(name, file)
        setting("models.completion", name)
        end = jupyter.ask("# text:", trigger="invoke").end
        assert (end["mode"], end["model"]) == (mode, name), end
    status = jupyter.status()
    assert status["state"] == "no_fim"
    assert "jupyter assistant" in status["hint"]


def test_a_server_that_is_down(jupyter: Jupyter, setting: Setting) -> None:
    setting("server.url", f"http://127.0.0.1:{free_port()}")
    setting("server.kind", "ollama")
    setting("models.preset", "small")
    answer = jupyter.ask("import nump")
    assert answer.end["reason"] == "error" and answer.end["message"]
    assert answer.end["status"]["state"] == "error"
    setting("server.kind", "embedded")
    setting("models.preset", "demo")
    assert jupyter.ask("import nump").text == "y as np"


def test_a_bad_file_is_said(jupyter: Jupyter, setting: Setting) -> None:
    file = paths.user_config_file()
    file.write_text(f"{file.read_text(encoding='utf-8')}\n[completion\n", encoding="utf-8")
    status = jupyter.status()
    assert status["state"] == "error" and "assistant.toml" in status["error"]["message"]


def test_a_folders_own_file_counts_there(jupyter: Jupyter) -> None:
    folder = jupyter.root / "quiet"
    folder.mkdir()
    (folder / "assistant.toml").write_text("[completion]\nenabled = false\n", encoding="utf-8")
    assert jupyter.ask("import nump", path="quiet/a.ipynb").end["reason"] == "disabled"
    assert jupyter.ask("import nump", path="a.ipynb").text == "y as np"
    for outside in ("../quiet/a.ipynb", "quiet/../../a.ipynb"):
        assert jupyter.ask("import nump", path=outside).end["reason"] != "disabled"


def test_a_load_goes_on_when_nobody_waits(jupyter: Jupyter, engine_now: Engine) -> None:
    info = running_engine()
    assert info is not None
    engine_now.unload(DEMO)
    before = set(runners(info.pid))

    async def leave() -> None:
        headers = dict(jupyter.http.headers)
        async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
            url = f"{jupyter.url}/local-assistant/complete"
            asked = asyncio.ensure_future(client.post(url, json=body("import collec")))
            await asyncio.to_thread(until, lambda: set(runners(info.pid)) - before)
            asked.cancel()

    asyncio.run(leave())
    until(lambda: DEMO in engine_now.loaded())
    until(lambda: engine_now.counts()["active"] == 0)


def test_an_engine_that_was_killed_comes_back(jupyter: Jupyter) -> None:
    assert jupyter.ask("import nump").text == "y as np"
    info = running_engine()
    assert info is not None
    os.kill(info.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    until(lambda: running_engine() is None)
    answer = jupyter.ask("import rando")
    assert answer.end["reason"] not in ("error", "no_model"), answer.end
    assert jupyter.status()["state"] == "ready"
    assert running_engine() is not None


def test_looking_starts_nothing_and_warming_does(jupyter: Jupyter) -> None:
    stop_engine()
    try:
        status = jupyter.status()
        assert status["state"] in ("ready", "loading") and status["error"] is None
        assert running_engine() is None
        assert jupyter.http.post("completion/warm", json={}).status_code == 202
        until(
            lambda: (s := jupyter.status())["model"] == "assistant-demo" and s["state"] == "ready"
        )
        assert DEMO in Engine(ensure_engine()).loaded()
    finally:
        ensure_engine()
