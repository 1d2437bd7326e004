"""Models come whole or not at all: by Ollama, or by the engine from a hub on loopback.

No test leaves the machine: Ollama's registry lies behind a proxy that is not there.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.config import AssistantConfig
from local_assistant.engine.launch import stop_engine
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError
from local_assistant.models.progress import PullProgress
from local_assistant.models.pull import pull
from local_assistant.server import Client, choose, find_server, installed, is_alias
from tests.integration.hub import Hub
from tests.integration.server.conftest import free_port

Configure = Callable[..., AssistantConfig]
Install = Callable[..., Path]
SMALL = "unsloth/Qwen2.5-Coder-1.5B-Instruct-GGUF"
SMALL_FILE = "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf"


@pytest.fixture
def config(assistant: Configure, monkeypatch: pytest.MonkeyPatch) -> AssistantConfig:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    return assistant(server__url=f"http://127.0.0.1:{free_port()}", server__kind="auto")


class Told(list[PullProgress]):
    def __call__(self, progress: PullProgress) -> None:
        self.append(progress)

    @property
    def statuses(self) -> list[str]:
        return list(dict.fromkeys(progress.status for progress in self))


def store() -> Store:
    return Store(paths.models_dir())


def pulled() -> set[str]:
    """The models that are there beside the demo, our own names for models left out."""
    names = {model.display for model in store().list_models() if not is_alias(model.display)}
    return names - {"assistant-demo:latest"}


def test_a_presets_model_comes_from_hugging_face_where_the_registry_is_out_of_reach(
    config: AssistantConfig, hub: Hub
) -> None:
    demo = paths.demo_gguf().read_bytes()
    hub.files[SMALL] = {"README.md": b"hello", SMALL_FILE: demo, "x-Q8_0.gguf": b"no"}
    told = Told()
    assert pull(["qwen2.5-coder:1.5b"], config, told) == ["qwen2.5-coder:1.5b"]
    assert told.statuses[:2] == ["asking how large it is", "pulling manifest"]
    assert "Asking Hugging Face" in told.statuses[2]
    assert told.statuses[3:] == [
        f"pulling {hashlib.sha256(demo).hexdigest()[:12]}",
        "verifying sha256 digest",
        "writing manifest",
        "loading it for a test",
        "ready",
    ]
    assert told[-5].completed == told[-5].total == len(demo)
    stored = store().find("qwen2.5-coder:1.5b")
    assert stored is not None
    assert stored.gguf.read_bytes() == demo
    assert pulled() == {"qwen2.5-coder:1.5b"}
    named = store().find("assistant-chat")
    assert named is not None
    assert named.digest == stored.digest  # it answers from now on, for stock programs, too
    choice = choose("chat", config, model="qwen2.5-coder:1.5b")
    body = {"model": choice.model, "prompt": "x", "stream": False, "options": {"num_predict": 2}}
    assert Client(choice.endpoint).post("/api/generate", body)["done"] is True
    hub.requests.clear()
    assert pull(["qwen2.5-coder:1.5b"], config, told) == ["qwen2.5-coder:1.5b"]
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


def test_any_repository_by_its_name(config: AssistantConfig, hub: Hub) -> None:
    hub.files["me/Some-GGUF"] = {"sub/some.Q8_0.gguf": paths.demo_gguf().read_bytes()}
    pull(["hf.co/me/Some-GGUF", "huggingface.co/me/Some-GGUF:q8_0"], config, Told())
    assert pulled() == {"hf.co/me/Some-GGUF:latest", "huggingface.co/me/Some-GGUF:q8_0"}
    assert choose("chat", config, model="huggingface.co/me/Some-GGUF:Q8_0").notice is None


def test_the_engine_uses_what_the_shell_says_now(
    config: AssistantConfig, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = hub.url
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    hub.files["me/g"] = {"m.gguf": paths.demo_gguf().read_bytes()}
    with pytest.raises(AssistantError, match="cannot be reached"):
        pull(["hf.co/me/g"], config, Told())
    monkeypatch.setenv("HF_ENDPOINT", right)
    assert pull(["hf.co/me/g"], config, Told()) == ["hf.co/me/g"]
    # Also that nothing is set any more.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    stop_engine()
    find_server(config)
    for name in ("HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name)
    with pytest.raises(AssistantError) as caught:
        pull(["http://nowhere.invalid/me/g"], config, Told())
    assert "127.0.0.1" not in caught.value.message
    assert "no such host" in caught.value.message


def test_a_private_repository_wants_the_users_token(
    config: AssistantConfig, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files["me/g"] = {"m.gguf": paths.demo_gguf().read_bytes()}
    hub.private["me/g"] = "hf_mine"
    with pytest.raises(AssistantError, match="or it is private") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert "hf auth login" in (caught.value.fix or "")
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    with pytest.raises(AssistantError, match="refused your token"):
        pull(["hf.co/me/g"], config, Told())
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    elsewhere = Hub()
    elsewhere.files = hub.files
    hub.files_at = elsewhere.url.replace("127.0.0.1", "localhost")
    try:
        pull(["hf.co/me/g"], config, Told())
    finally:
        elsewhere.server.shutdown()
        elsewhere.server.server_close()
    assert {credential for _, credential in hub.authorizations[-2:]} == {"Bearer hf_mine"}
    assert [credential for _, credential in elsewhere.authorizations] == [None]


def test_a_broken_download_goes_on_where_it_stopped(config: AssistantConfig, hub: Hub) -> None:
    demo = paths.demo_gguf().read_bytes()
    hub.files["me/g"] = {"m.gguf": demo + b"\0" * (24_000_000 - len(demo))}
    hub.break_after = 14_000_000
    with pytest.raises(AssistantError, match="HTTP status 403") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert "what is there is kept" in (caught.value.fix or "")
    assert store().find("hf.co/me/g") is None
    hub.break_after = None
    hub.status.clear()
    hub.requests.clear()
    told = Told()
    pull(["hf.co/me/g"], config, told)
    (start,) = [int(wanted[6:].split("-")[0]) for _, _, wanted in hub.requests if wanted]
    assert start >= 10_000_000
    assert min(told_one.completed for told_one in told if told_one.completed) >= start
    assert store().find("hf.co/me/g") is not None


@pytest.mark.parametrize(
    ("name", "files", "words", "fix"),
    [
        ("hf.co/no/such", None, "no repository no/such", "hf auth login"),
        ("hf.co/me/g", {"README.md": b""}, "has no GGUF file", "-GGUF"),
        ("hf.co/me/g:Q9", {"m.Q4_0.gguf": b"GGUF"}, 'called "Q9"', "There are: Q4_0"),
        ("hf.co/me/g", {"m-00001-of-00002.gguf": b"G"}, "no whole GGUF", "another"),
        ("hf.co/me/g", {"m.gguf": b"PK\x03\x04"}, "is not a GGUF file", "another"),
        ("llama3.2", None, "llama3.2 cannot be had: pull model manifest: ", "HTTPS_PROXY"),
        ("a b", None, "", ""),
    ],
)
def test_what_cannot_be_had(
    config: AssistantConfig,
    hub: Hub,
    name: str,
    files: dict[str, bytes] | None,
    words: str,
    fix: str,
) -> None:
    if files is not None:
        hub.files["me/g"] = files
    with pytest.raises(AssistantError) as caught:
        pull([name], config, Told())
    assert words in caught.value.message
    assert fix in (caught.value.fix or "")
    assert [model.display for model in store().list_models()] == ["assistant-demo:latest"]


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [(403, "GatedRepo", "agree to its terms"), (500, "Oops", "HTTP status 500")],
)
def test_what_hugging_face_refuses(
    config: AssistantConfig, hub: Hub, status: int, reason: str, words: str
) -> None:
    hub.status["me/g"] = (status, reason)
    with pytest.raises(AssistantError, match=words):
        pull(["hf.co/me/g"], config, Told())


def test_terms_that_want_a_yes(config: AssistantConfig, hub: Hub) -> None:
    hub.files["me/g"] = {"m.gguf": paths.demo_gguf().read_bytes()}
    hub.gated.add("me/g")
    with pytest.raises(AssistantError, match="agree to its terms") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert f"{hub.url}/me/g" in (caught.value.fix or "")


def test_ctrl_c_keeps_what_has_come(config: AssistantConfig, hub: Hub) -> None:
    demo = paths.demo_gguf().read_bytes()
    hub.files["me/g"] = {"m.gguf": demo + bytes(8_000_000)}
    hub.hold_after = 4_000_000
    command = [sys.executable, "-m", "local_assistant", "pull", "hf.co/me/g"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if "pulling manifest" not in line)
        parts = store().blobs
        deadline = time.monotonic() + 20
        while not any(path.stat().st_size >= 3_000_000 for path in parts.glob("*-partial")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "What has come of the download is kept." in err
    hub.go.set()
    hub.hold_after = None
    assert pull(["hf.co/me/g"], config, Told()) == ["hf.co/me/g"]
    # The second pull goes on with the first one's parts, or with its very download.
    beginnings = [wanted for _, _, wanted in hub.requests if (wanted or "").startswith("bytes=0-")]
    assert len(beginnings) == 1


def test_no_network(config: AssistantConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(AssistantError, match="cannot be reached") as caught:
        pull(["hf.co/me/g"], config, Told())
    assert "Check the network" in (caught.value.fix or "")


def test_damage_on_the_way_is_noticed(config: AssistantConfig, hub: Hub) -> None:
    hub.files["me/g"] = {"m.gguf": paths.demo_gguf().read_bytes()}
    hub.wrong_sha.add("me/g")
    with pytest.raises(AssistantError, match="digest mismatch"):
        pull(["hf.co/me/g"], config, Told())
    assert store().find("hf.co/me/g") is None


def test_by_ollama(assistant: Configure, install_ollama: Install, config: AssistantConfig) -> None:
    install_ollama()
    told = Told()
    assert pull(["small"], config, told) == ["qwen2.5-coder:1.5b", "nomic-embed-text"]
    assert told.statuses == [
        "asking how large it is",
        "pulling manifest",
        "pulling 0123456789ab",
        "verifying sha256 digest",
        "loading it for a test",
        "ready",
    ]
    assert PullProgress("nomic-embed-text", "pulling 0123456789ab", 50, 100, "0") in told
    assert choose("embedding", config, model="nomic-embed-text").endpoint.kind == "ollama"


@pytest.mark.parametrize(
    ("name", "words", "fix"),
    [
        ("missing", 'library has no model "missing"', "ollama.com/library"),
        ("broken", "stopped in the middle", "Run it again"),
    ],
)
def test_what_ollama_cannot_get(
    config: AssistantConfig, install_ollama: Install, name: str, words: str, fix: str
) -> None:
    install_ollama()
    with pytest.raises(AssistantError, match=words) as caught:
        pull([name], config, Told())
    assert fix in (caught.value.fix or "")


def test_what_ollama_cannot_load_does_not_stay(
    config: AssistantConfig, install_ollama: Install
) -> None:
    install_ollama(models="mine:latest")
    with pytest.raises(AssistantError, match=r"unknown model architecture\. It was removed again"):
        pull(["unfit"], config, Told())
    assert [model.name for model in installed(find_server(config))] == ["mine:latest"]
    assert pull(["unfit"], config, Told(), verify=False) == ["unfit"]


def test_the_demo_model_and_files_need_nobody(config: AssistantConfig, home: Path) -> None:
    file = home / "mine.gguf"
    shutil.copy(paths.demo_gguf(), file)
    demo, mine = pull(["assistant-demo", str(file)], config, Told())
    assert demo == "assistant-demo"
    assert store().find(mine) is not None
