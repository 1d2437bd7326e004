"""Pulls that are killed at every step, on full disks, without a network, from bad registries.

Everything is counted at the registry; nothing leaves this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.engine.launch import ensure_engine, running_engine
from local_assistant.engine.store import layers, names
from local_assistant.errors import AssistantError
from local_assistant.models.progress import PullCancelled, PullProgress
from local_assistant.models.pull import Options, pull, pull_each, pull_one
from local_assistant.server import Client, Endpoint, ServerGone, find_server
from tests.integration.engine.registries import Registry, serving
from tests.integration.hub import Hub
from tests.integration.server.pulling import as_ollama, started, steps
from tests.integration.server.test_pull import Told, store
from tests.waiting import until

Configure = Callable[..., AssistantConfig]
MIB = 1 << 20
ATTEMPTS = 20


@pytest.fixture
def config(assistant: Configure) -> AssistantConfig:
    return assistant(server__kind="embedded")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def model() -> bytes:
    """The demo model, and so many bytes after it that they do not come at once."""
    return paths.demo_gguf().read_bytes() + bytes(6 * MIB)


@pytest.fixture
def ollama(config: AssistantConfig) -> Endpoint:
    engine = ensure_engine(config)
    return as_ollama(engine.url, engine.token)


def answers(config: AssistantConfig, name: str) -> bool:
    body = {"model": name, "prompt": "x", "stream": False, "options": {"num_predict": 1}}
    return bool(Client(find_server(config)).post("/api/generate", body)["done"])


def killed_at_each_step(
    name: str, kill: Callable[[int], None], server: Callable[[], Endpoint | None]
) -> list[str]:
    """Pull again and again, each time killed one step later; return the steps of the last."""
    for step in range(1, ATTEMPTS):
        said: list[str] = []
        with started(name, server()) as process:
            for line in steps(process):
                said.append(line)
                if len(said) == step and line != "ok":
                    kill(process.pid)
            process.wait(20)
        if said[-1] == "ok":
            return said
    raise AssertionError("it never ended")


def test_the_command_is_killed_at_each_step(
    config: AssistantConfig, registry: Registry, model: bytes
) -> None:
    name = f"http://{registry.add('m', model)}"
    said = killed_at_each_step(name, lambda pid: os.kill(pid, signal.SIGKILL), lambda: None)
    assert said[-2:] == ["ready", "ok"]
    assert answers(config, name)
    # What lay in the sockets of the pulls that were ended in the middle is lost.
    assert registry.sent < len(model) * 2
    assert [path.name for path in store().blobs.iterdir() if "-p" in path.name] == []


def test_the_engine_is_killed_at_each_step(
    config: AssistantConfig, registry: Registry, model: bytes
) -> None:
    name = f"http://{registry.add('m', model)}"

    def kill(_pid: int) -> None:
        engine = running_engine()
        if engine is not None:
            os.kill(engine.pid, signal.SIGKILL)

    killed_at_each_step(name, kill, lambda: None)
    assert answers(config, name)
    # What lay in the sockets of the parts is lost with the process.
    assert registry.sent < len(model) * 2


def test_killed_while_a_file_is_fetched_for_an_ollama(
    config: AssistantConfig, ollama: Endpoint, hub: Hub, model: bytes
) -> None:
    hub.files["me/g"] = {"m-Q4_0.gguf": model}
    hub.gated_by_name.add("me/g")
    said = killed_at_each_step(
        "hf.co/me/g", lambda pid: os.kill(pid, signal.SIGKILL), lambda: ollama
    )
    assert said[-2:] == ["ready", "ok"]
    assert answers(config, "hf.co/me/g")
    assert [path.name for path in (paths.home() / "downloads").iterdir()] == ["lock"]


def test_broken_off_in_the_middle_for_an_ollama(
    config: AssistantConfig, ollama: Endpoint, hub: Hub, model: bytes
) -> None:
    """What is there is not fetched again."""
    hub.files["me/g"] = {"m-Q4_0.gguf": model}
    hub.gated_by_name.add("me/g")
    hub.hold_after = 5 * MIB
    downloads = paths.home() / "downloads"
    with started("hf.co/me/g", ollama) as process:
        until(lambda: any(p.stat().st_size >= 4 * MIB for p in downloads.glob("*-partial")), 20)
        process.kill()
        process.wait(20)
    hub.go.set()
    hub.hold_after = None
    hub.requests.clear()
    outcome = pull_one("hf.co/me/g", ollama, config, Told(), Options())
    assert outcome.error is None
    begins = [int(wanted[6:].split("-")[0]) for _, _, wanted in hub.requests if wanted]
    assert min(begins) >= 3 * MIB


def test_stopped_by_another_thread(
    config: AssistantConfig, registry: Registry, ollama: Endpoint, hub: Hub, model: bytes
) -> None:
    """By both ways; the next pull goes on with what is there."""
    hub.files["me/g"] = {"m-Q4_0.gguf": model + bytes(100)}
    hub.gated_by_name.add("me/g")
    registry.trouble.hold_after = hub.hold_after = 4 * MIB
    name = f"http://{registry.add('m', model)}"
    for wanted, server in ((name, find_server(config)), ("hf.co/me/g", ollama)):
        cancel = threading.Event()

        def tell(progress: PullProgress, cancel: threading.Event = cancel) -> None:
            if (progress.completed or 0) >= 3 * MIB:
                cancel.set()

        with pytest.raises(PullCancelled) as caught:
            pull_one(wanted, server, config, tell, Options(cancel=cancel))
        assert f"pull {wanted}" in (caught.value.fix or "")
    hub.hold_after = registry.trouble.hold_after = None
    registry.trouble.go.set()
    hub.go.set()
    sent = registry.sent
    for wanted, server in ((name, find_server(config)), ("hf.co/me/g", ollama)):
        told = Told()
        assert pull_one(wanted, server, config, told, Options()).error is None
        big = [each.completed for each in told if each.completed and (each.total or 0) > MIB]
        assert min(big) >= 2 * MIB
    assert registry.sent - sent < len(model) - 2 * MIB


def test_two_pulls_at_once(config: AssistantConfig, registry: Registry, model: bytes) -> None:
    name = f"http://{registry.add('m', model)}"
    find_server(config)
    registry.trouble.hold_after = 2 * MIB
    with started(name) as one, started(name) as other:
        for process in (one, other):
            next(line for line in steps(process) if line.startswith("pulling "))
            next(line for line in steps(process) if line.startswith("pulling "))
        registry.trouble.go.set()
        ends = [list(steps(process))[-1] for process in (one, other)]
    assert ends == ["ok", "ok"]
    assert registry.sent < len(model) + MIB


def test_two_pulls_at_once_for_an_ollama(
    config: AssistantConfig, ollama: Endpoint, hub: Hub, model: bytes
) -> None:
    hub.files["me/g"] = {"m-Q4_0.gguf": model}
    hub.gated_by_name.add("me/g")
    with started("hf.co/me/g", ollama) as one, started("hf.co/me/g", ollama) as other:
        ends = [list(steps(process))[-1] for process in (one, other)]
    assert ends == ["ok", "ok"]
    wanted = [span for _, path, span in hub.requests if "/resolve/" in path]
    assert len(wanted) == len(set(wanted))


@pytest.mark.parametrize(
    ("failures", "words"),
    [
        ([("/manifests/", 404, {})] * 3, "has no model"),
        ([("/manifests/", 403, {})] * 3, "403"),
        ([("/blobs/", 404, {})] * 9, "file does not exist"),
        ([("/manifests/", 429, {"Retry-After": "3600"})] * 9, "429"),
    ],
)
def test_a_registry_that_refuses(
    config: AssistantConfig, registry: Registry, failures: list[Any], words: str
) -> None:
    registry.failures = failures
    with pytest.raises(AssistantError, match=words) as caught:
        pull([f"http://{registry.add('m', b'GGUF')}"], config, Told())
    assert caught.value.fix


def test_a_registry_that_is_busy_for_a_while(
    config: AssistantConfig, registry: Registry, model: bytes
) -> None:
    name = f"http://{registry.add('m', model)}"
    registry.failures = [
        ("/manifests/", 500, {}),  # to us, who only want to know the size
        ("/manifests/", 429, {"Retry-After": "0"}),
        ("/blobs/", 503, {}),
    ]
    assert pull([name], config, Told()) == [name]


def test_a_registry_that_lies(config: AssistantConfig, registry: Registry, model: bytes) -> None:
    name = f"http://{registry.add('m', model)}"
    manifest = "/v2/library/m/manifests/latest"
    right = registry.manifests[manifest]
    registry.trouble.lies = True
    with pytest.raises(AssistantError, match="digest mismatch"):
        pull([name], config, Told())
    registry.trouble.lies = False
    for wrong in (b"<html>Please log in</html>", b"[]", b'{"layers": [{"digest": "x"}]}'):
        registry.manifests[manifest] = wrong
        with pytest.raises(AssistantError, match="is no manifest") as caught:
            pull([name], config, Told())
        assert caught.value.fix
    size = json.loads(right)
    size["layers"][0]["size"] += 100
    registry.manifests[manifest] = json.dumps(size).encode()
    with pytest.raises(AssistantError):
        pull([name], config, Told())
    assert store().find(name) is None
    registry.manifests[manifest] = right
    assert pull([name], config, Told()) == [name]


def test_a_model_that_cannot_be_loaded_does_not_stay(
    config: AssistantConfig, registry: Registry, model: bytes
) -> None:
    bad = registry.add("bad", model.replace(b"llama", b"zorgl"))
    good = registry.add("good", model)
    outcomes = pull_each(
        [f"http://{bad}", f"http://{registry.host}/library/none", f"http://{good}"],
        config,
        Told(),
        Options(),
    )
    assert [outcome.error is None for outcome in outcomes] == [False, False, True]
    assert outcomes[0].error is not None
    assert "unknown model architecture" in outcomes[0].error.message
    assert "It was removed again." in outcomes[0].error.message
    assert store().find(bad) is None
    assert store().find(good) is not None
    # Without the test it stays; and what was there before is not ours to remove.
    assert pull_one(
        f"http://{bad}", find_server(config), config, Told(), Options(verify=False)
    ).model
    again = pull_one(f"http://{bad}", find_server(config), config, Told(), Options())
    assert again.error is not None
    assert "there before" in again.error.message
    assert store().find(bad) is not None


def test_no_route(config: AssistantConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A multicast address has no route for TCP, on any machine: as with an unplugged cable."""
    with pytest.raises(AssistantError, match="unreachable") as caught:
        pull(["http://224.0.0.1:9/library/m"], config, Told())
    assert "Check the network" in (caught.value.fix or "")
    monkeypatch.setenv("HF_ENDPOINT", "http://224.0.0.1:9")
    with pytest.raises(AssistantError, match="unreachable") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert "HTTPS_PROXY" in (caught.value.fix or "")


def test_no_room_is_said_first(
    assistant: Configure, registry: Registry, model: bytes, ollama: Endpoint, hub: Hub
) -> None:
    hub.files["me/g"] = {"m-Q4_0.gguf": model}
    hub.gated_by_name.add("me/g")
    hub.sizes["me/g"] = {"m-Q4_0.gguf": 10**15}
    for server in (ollama, find_server(assistant(server__kind="embedded"))):
        config = assistant(server__kind="embedded")
        outcome = pull_one("hf.co/me/g", server, config, Told(), Options(force=True))
        assert outcome.error is not None
        assert "1000000.0 GB of disk space" in outcome.error.message
        assert "Free some" in (outcome.error.fix or "")
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


def test_a_disk_that_runs_full(config: AssistantConfig, registry: Registry, model: bytes) -> None:
    """``/dev/full`` fails as a full disk does, with and without rights to mount one."""
    name = f"http://{registry.add('m', model)}"
    digest = hashlib.sha256(model).hexdigest()
    partial = store().files.own(digest).with_name(f"sha256-{digest}-partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.symlink_to("/dev/full")
    with pytest.raises(AssistantError, match="The disk is full") as caught:
        pull([name], config, Told())
    assert "Free some space" in (caught.value.fix or "")
    assert store().find(name) is None
    partial.unlink()
    assert pull([name], config, Told()) == [name]
    assert answers(config, name)


def test_the_server_goes_in_the_middle_of_the_test(
    config: AssistantConfig, registry: Registry, model: bytes
) -> None:
    """That says nothing about the model: it stays, and the next pull tests it again."""
    name = f"http://{registry.add('m', model)}"
    engine = ensure_engine(config)

    def tell(progress: Any) -> None:
        if progress.status == "loading it for a test":
            os.kill(engine.pid, signal.SIGKILL)

    with pytest.raises(AssistantError, match="It is kept"):
        pull([name], config, tell)
    assert store().find(name) is not None
    assert pull([name], config, Told()) == [name]


def test_an_upload_that_is_cut(config: AssistantConfig, ollama: Endpoint, home: Path) -> None:
    file = home / "mine.gguf"
    file.write_bytes(paths.demo_gguf().read_bytes())

    def tell(progress: Any) -> None:
        if progress.status == "reading the file":
            os.kill(ensure_engine(config).pid, signal.SIGKILL)

    outcome = pull_one(str(file), ollama, config, tell, Options())
    assert isinstance(outcome.error, (AssistantError, ServerGone))
    engine = ensure_engine(config)
    outcome = pull_one(str(file), as_ollama(engine.url, engine.token), config, Told(), Options())
    assert outcome.error is None
    assert outcome.about.startswith("llama, 2.56M parameters")
    manifest = store().manifest(names.parse(outcome.model or ""))
    assert manifest is not None
    assert [layer.kind for layer in manifest.layers] == [layers.MODEL]
