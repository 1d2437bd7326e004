"""The model chooser's endpoints: a real Jupyter server and engine, and a hub on loopback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local_assistant import paths
from local_assistant.config import load_config, set_value
from local_assistant.engine.launch import EngineInfo, ensure_engine, running_engine
from local_assistant.engine.store.store import Store
from local_assistant.models import pull as models
from local_assistant.models.presets import PRESETS
from tests.integration.hub import Hub, running_hub
from tests.integration.lab.completion.conftest import Jupyter, until
from tests.jupyterlab import free_port

DEMO = "assistant-demo"
SIZE, HELD = 9_000_000, 4_000_000
ENDPOINTS = [
    ("GET", "models"),
    ("POST", "models/use"),
    ("GET", "models/pull"),
    ("POST", "models/pull"),
    ("DELETE", "models/pull"),
]
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with running_hub() as served:
        yield served


@pytest.fixture(scope="module")
def jupyter(
    engine: EngineInfo, hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jupyter]:
    """A Jupyter server that takes the hub for Hugging Face, and reaches no registry."""
    ensure_engine()
    before = {model.display for model in Store(paths.models_dir()).list_models()}
    paths.user_config_file().unlink(missing_ok=True)
    set_value("server.kind", "embedded")
    set_value("models.preset", "small")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_ENDPOINT", hub.url)
        environment.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
        running = Jupyter(tmp_path_factory.mktemp("jupyter"))
    try:
        yield running.wait()
    finally:
        running.stop()
        paths.user_config_file().unlink()  # other tests share this home, and the models in it
        store = Store(paths.models_dir())
        for name in {model.display for model in store.list_models()} - before:
            store.remove(name)


@pytest.fixture(autouse=True)
def quiet(jupyter: Jupyter, hub: Hub) -> Iterator[None]:
    """Each test begins and ends without a download."""
    hub.requests.clear()
    yield
    hub.hold_after = None
    hub.go.set()
    if jupyter.process.poll() is None:
        while job(jupyter) is not None:
            jupyter.http.delete("models/pull")


@pytest.fixture
def slow(hub: Hub) -> Hub:
    """A hub that holds each file back after its first bytes, until it is told to go on."""
    hub.hold_after = HELD
    hub.go.clear()
    return hub


def publish(hub: Hub, repository: str) -> str:
    rest = repository.encode() + bytes(SIZE)  # no two files are the same
    hub.files[repository] = {"m.Q4_0.gguf": (paths.demo_gguf().read_bytes() + rest)[:SIZE]}
    return f"hf.co/{repository}"


def pull(jupyter: Jupyter, *models: str) -> httpx.Response:
    return jupyter.http.post("models/pull", json={"models": list(models)})


def job(jupyter: Jupyter) -> Answer | None:
    found: Answer | None = jupyter.http.get("models/pull").json()["job"]
    return found


def until_state(jupyter: Jupyter, state: str) -> Answer:
    def reached() -> Answer | None:
        found = job(jupyter)
        assert found is not None
        assert found["state"] in (state, "running", "cancelling"), found
        return found if found["state"] == state else None

    found: Answer = until(reached)
    return found


def until_held(jupyter: Jupyter) -> Answer:
    """Wait until some of the file is there and no more comes."""

    def reached() -> Answer | None:
        found = job(jupyter)
        return found if found and (found["completed"] or 0) >= HELD // 2 else None

    found: Answer = until(reached)
    return found


def listing(jupyter: Jupyter) -> Answer:
    found: Answer = jupyter.http.get("models").json()
    return found


def use(jupyter: Jupyter, role: str, model: str | None) -> httpx.Response:
    return jupyter.http.post("models/use", json={"role": role, "model": model})


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_strangers_get_nothing(jupyter: Jupyter, method: str, path: str) -> None:
    url = f"{jupyter.url}/local-assistant/{path}"
    with httpx.Client(trust_env=False, timeout=60) as stranger:
        assert stranger.request(method, url, json={}).status_code == 403


@pytest.mark.parametrize(("method", "path"), [each for each in ENDPOINTS if each[0] != "GET"])
def test_another_sites_page_gets_nothing(jupyter: Jupyter, method: str, path: str) -> None:
    with httpx.Client(base_url=jupyter.url, trust_env=False, timeout=60) as browser:
        browser.get("/api/contents", params={"token": jupyter.token})
        assert browser.get("/local-assistant/models").status_code == 200
        sent = {"models": ["hf.co/a/b"], "role": "chat", "model": DEMO}
        reply = browser.request(method, f"/local-assistant/{path}", json=sent)
        assert reply.status_code == 403
    assert job(jupyter) is None


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("models/use", {}),
        ("models/use", []),
        ("models/use", {"role": "chat"}),
        ("models/use", {"role": "cooking", "model": DEMO}),
        ("models/use", {"role": "chat", "model": 1}),
        ("models/use", {"role": "chat", "model": " "}),
        ("models/use", {"role": "chat", "model": "a\nb"}),
        ("models/use", {"role": "preset", "model": "huge"}),
        ("models/use", {"role": "chat", "model": "x" * 513}),
        ("models/pull", {}),
        ("models/pull", {"models": "hf.co/a/b"}),
        ("models/pull", {"models": []}),
        ("models/pull", {"models": [""]}),
        ("models/pull", {"models": [None]}),
        ("models/pull", {"models": ["a"] * 9}),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(jupyter: Jupyter, path: str, sent: Any) -> None:
    before = paths.user_config_file().read_text(encoding="utf-8")
    reply = jupyter.http.post(path, json=sent)
    assert reply.status_code == 400, reply.text
    assert reply.json()["message"] and reply.json()["fix"]
    assert paths.user_config_file().read_text(encoding="utf-8") == before
    assert job(jupyter) is None


def test_the_list_says_what_answers_and_what_is_missing(jupyter: Jupyter) -> None:
    found = listing(jupyter)
    assert found["server"]["kind"] == "embedded" and found["problem"] is None
    assert found["config"] == paths.display(paths.user_config_file())
    assert found["preset"]["setting"] == found["preset"]["name"] == "small"
    small = PRESETS["small"].models
    for role in ("chat", "completion", "embedding"):
        answer = found["roles"][role]
        assert (answer["model"], answer["named"]) == (DEMO, None)
        assert answer["missing"] == {"name": small[role].name, "size": small[role].size}
    models = {model["name"]: model for model in found["models"]}
    assert models[DEMO]["answers"] == ["chat", "completion", "embedding"]
    assert models[DEMO]["installed"] and "insert" in models[DEMO]["abilities"]
    wanted = models[small["chat"].name]
    assert not wanted["installed"] and wanted["size"] == small["chat"].size
    assert "chat" in wanted["suits"] and wanted["licence"]
    assert wanted["fit"] in ("graphics", "yes", "tight", "slow", "no")
    assert not any(name.startswith(("assistant-chat", "assistant-embed")) for name in models)


def test_a_download_tells_how_far_it_is_until_it_answers(jupyter: Jupyter, slow: Hub) -> None:
    name = publish(slow, "me/api-one-GGUF")
    begun = pull(jupyter, name)
    assert begun.status_code == 202 and begun.json()["job"]["state"] == "running"
    held = until_held(jupyter)
    assert (held["name"], held["total"], held["done"]) == (name, SIZE, False)
    assert listing(jupyter)["job"]["id"] == held["id"]
    slow.go.set()
    done = until_state(jupyter, "done")
    assert done["done"] and done["error"] is None and done["got"] == [name]
    assert name in {m["name"] for m in listing(jupyter)["models"] if m["installed"]}
    assert jupyter.http.delete("models/pull").json() == {"job": None}
    assert job(jupyter) is None


def test_one_at_a_time(jupyter: Jupyter, slow: Hub) -> None:
    name = publish(slow, "me/api-two-GGUF")
    first = pull(jupyter, name).json()["job"]
    again = pull(jupyter, name)
    assert again.status_code == 202 and again.json()["job"]["id"] == first["id"]
    other = pull(jupyter, "hf.co/me/api-one-GGUF")
    assert other.status_code == 400
    assert name in other.json()["message"] and "cancel" in other.json()["fix"]
    slow.go.set()
    until_state(jupyter, "done")


def test_cancelled_and_gone_on_with(jupyter: Jupyter, slow: Hub) -> None:
    name = publish(slow, "me/api-three-GGUF")
    pull(jupyter, name)
    until_held(jupyter)
    assert jupyter.http.delete("models/pull").json()["job"]["state"] == "cancelling"
    ended = until_state(jupyter, "cancelled")
    assert ended["done"] and ended["error"] is None
    assert Store(paths.models_dir()).find(name) is None
    slow.hold_after = None
    slow.go.set()
    slow.requests.clear()
    assert pull(jupyter, name).json()["job"]["id"] != ended["id"]
    until_state(jupyter, "done")
    starts = [int(asked[6:].split("-")[0]) for _, _, asked in slow.requests if asked]
    # None at all where the engine saw the end of the first pull only when the rest had come.
    assert min(starts, default=1) > 0


def test_what_cannot_be_had_is_said(jupyter: Jupyter, hub: Hub) -> None:
    pull(jupyter, "hf.co/me/not-there")
    failed = until_state(jupyter, "failed")
    assert "me/not-there" in failed["error"]["message"] and failed["error"]["fix"]
    hub.files["me/api-bad-GGUF"] = {"m.gguf": b"PK\x03\x04" + bytes(10_000)}
    pull(jupyter, "hf.co/me/api-bad-GGUF")
    assert "GGUF" in until_state(jupyter, "failed")["error"]["message"]


def test_the_engine_is_killed_in_the_middle(jupyter: Jupyter, slow: Hub) -> None:
    name = publish(slow, "me/api-four-GGUF")
    pull(jupyter, name)
    until_held(jupyter)
    info = running_engine()
    assert info is not None
    os.kill(info.pid, signal.SIGKILL)
    failed = until_state(jupyter, "failed")
    assert "download was interrupted" in failed["error"]["message"]
    assert "kept" in failed["error"]["fix"]
    slow.hold_after = None
    slow.go.set()
    pull(jupyter, name)
    assert until_state(jupyter, "done")["got"] == [name]


def test_choosing_writes_the_file_and_holds_at_once(jupyter: Jupyter) -> None:
    name = "hf.co/me/api-one-GGUF"
    answer = use(jupyter, "completion", name).json()
    assert answer["roles"]["completion"]["model"] == name
    assert answer["roles"]["completion"]["source"].startswith(str(paths.user_config_file()))
    assert load_config().config.models.completion == name
    assert until(lambda: jupyter.status()["model"]).removesuffix(":latest") == name
    asked = jupyter.ask("import nump")
    assert asked.end["model"].removesuffix(":latest") == name
    back = use(jupyter, "completion", None).json()
    assert back["roles"]["completion"]["model"] == DEMO
    assert load_config().config.models.completion is None
    use(jupyter, "completion", name)
    preset = use(jupyter, "preset", "demo").json()
    assert preset["preset"]["name"] == "demo"
    assert preset["notices"] == [f"completion: {name} → as the preset says."]
    assert load_config().config.models.completion is None  # as by the command line
    assert all(role["missing"] is None for role in preset["roles"].values())
    use(jupyter, "preset", "small")


def test_a_model_that_is_not_there_can_be_got(jupyter: Jupyter) -> None:
    before = paths.user_config_file().read_text(encoding="utf-8")
    reply = use(jupyter, "chat", "not-there:1b")
    assert reply.status_code == 400
    assert reply.json()["missing"] == "not-there:1b"
    assert "Models…" in reply.json()["fix"] and "pull not-there:1b" in reply.json()["fix"]
    change = {"key": "models.chat", "value": "not-there:1b"}
    assert jupyter.http.patch("completion/settings", json=change).status_code == 400
    assert paths.user_config_file().read_text(encoding="utf-8") == before


def test_a_mistake_in_the_file_is_told(jupyter: Jupyter) -> None:
    file = paths.user_config_file()
    good = file.read_text(encoding="utf-8")
    try:
        file.write_text(good.replace("[models]\n", '[models]\nchatt = "x"\n'), encoding="utf-8")
        assert "chatt" in listing(jupyter)["problem"]["message"]
        assert "chatt" in use(jupyter, "chat", DEMO).json()["message"]
    finally:
        file.write_text(good, encoding="utf-8")


def test_the_end_of_the_server_ends_the_download(
    jupyter: Jupyter, slow: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cleanly, and the next download goes on from what is there."""
    name = publish(slow, "me/api-five-GGUF")
    pull(jupyter, name)
    until_held(jupyter)
    jupyter.process.send_signal(signal.SIGTERM)
    jupyter.process.wait(60)
    assert "Traceback" not in jupyter.log()
    assert Store(paths.models_dir()).find(name) is None
    slow.hold_after = None
    slow.go.set()
    slow.requests.clear()
    monkeypatch.setenv("HF_ENDPOINT", slow.url)
    models.pull([name], load_config().config, lambda told: None)
    starts = [int(asked[6:].split("-")[0]) for _, _, asked in slow.requests if asked]
    # None at all where the engine saw the end of the first pull only when the rest had come.
    assert min(starts, default=1) > 0
