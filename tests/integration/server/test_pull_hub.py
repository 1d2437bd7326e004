"""Repositories of Hugging Face: what they offer, split files, the user's token; for both servers.

An Ollama's place is taken by an engine: it has the same blobs, and makes models as Ollama does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.cli.main import main
from local_assistant.config import AssistantConfig
from local_assistant.engine.launch import ensure_engine
from local_assistant.errors import AssistantError
from local_assistant.machine import GB, Machine
from local_assistant.models.plan import Plan
from local_assistant.models.pull import Options, TooLarge, pull, pull_one
from local_assistant.server import Endpoint, find_server, installed
from tests.integration.engine import tiny_gguf
from tests.integration.hub import Hub
from tests.integration.server.conftest import free_port
from tests.integration.server.pulling import as_ollama
from tests.integration.server.test_pull import Told, store

Configure = Callable[..., AssistantConfig]


@pytest.fixture
def config(assistant: Configure) -> AssistantConfig:
    return assistant(server__kind="embedded")


@pytest.fixture
def ollama(config: AssistantConfig) -> Endpoint:
    engine = ensure_engine(config)
    return as_ollama(engine.url, engine.token)


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, bytes]:
    """A model in three files or more, as a repository names them."""
    folder = tmp_path / "parts"
    folder.mkdir()
    tiny_gguf.write(folder / "t-Q8_0.gguf", split=8)
    return {f"Q8_0/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.gguf"))}


def names(endpoint: Endpoint) -> set[str]:
    return {model.name for model in installed(endpoint)} - {"assistant-demo:latest"}


def fetched(hub: Hub) -> list[str]:
    return [path for method, path, _ in hub.requests if "/resolve/" in path]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(list(arguments))
    return code, capsys.readouterr().out


def test_what_a_repository_offers(
    config: AssistantConfig,
    hub: Hub,
    parts: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_assistant.machine.read_machine", lambda: Machine(8 * GB, 4))
    hub.files["me/g"] = {"m-Q4_K_M.gguf": b"G", **parts, "mmproj-F16.gguf": b"G"}
    hub.sizes["me/g"] = {"m-Q4_K_M.gguf": 10**15}
    code, out = run(capsys, "pull", "--list", "hf.co/me/g")
    assert code == 0
    size = f"{sum(map(len, parts.values())) / 1000:.0f}"
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["QUANT", "SIZE", "FITS"],
        ["Q4_K_M", "1000000.0", "GB", "no"],
        ["Q8_0", size, "kB", "yes", "←", "this", "one"],
    ]
    code, out = run(capsys, "pull", "--list", "hf.co/me/g", "--json")
    (found,) = json.loads(out.splitlines()[-1])["results"]
    assert found["source"] == "hf.co/me/g:Q8_0"
    assert [(each["tag"], each["fits"], each["chosen"]) for each in found["quants"]] == [
        ("Q4_K_M", False, False),
        ("Q8_0", True, True),
    ]
    assert found["quants"][1]["files"] == list(parts)
    assert fetched(hub) == []
    # What does not fit is said before anything comes; a yes gets it all the same.
    with pytest.raises(TooLarge, match=r"too large for this machine: 1000000\.0 GB") as caught:
        pull(["hf.co/me/g:Q4_K_M"], config, Told())
    assert "pull --yes hf.co/me/g:Q4_K_M" in (caught.value.fix or "")
    assert fetched(hub) == []
    with pytest.raises(AssistantError, match="disk space"):
        pull(["hf.co/me/g:Q4_K_M"], config, Told(), force=True)


def test_the_best_that_fits_comes_under_the_name_that_was_asked_for(
    config: AssistantConfig, hub: Hub
) -> None:
    demo = paths.demo_gguf().read_bytes()
    hub.files["me/g"] = {"m-Q8_0.gguf": b"no", "m-Q4_K_M.gguf": demo, "m-F16.gguf": b"no"}
    assert pull(["hf.co/me/g"], config, Told()) == ["hf.co/me/g"]
    assert {path.rpartition("/")[2] for path in fetched(hub)} == {"m-Q4_K_M.gguf"}
    assert store().find("hf.co/me/g") is not None
    assert store().find("hf.co/me/g:Q4_K_M") is None


def test_the_engine_joins_a_model_in_parts(
    config: AssistantConfig, hub: Hub, parts: dict[str, bytes]
) -> None:
    hub.files["me/g"] = parts
    assert pull(["hf.co/me/g"], config, Told()) == ["hf.co/me/g"]
    model = store().find("hf.co/me/g")
    assert model is not None
    assert model.header().metadata.get("split.count") is None
    digests = {hashlib.sha256(part).hexdigest() for part in parts.values()}
    assert not any(store().files.own(digest).exists() for digest in digests)
    assert len(fetched(hub)) == len(parts)
    assert pull(["hf.co/me/g"], config, Told()) == ["hf.co/me/g"]
    assert len(fetched(hub)) == len(parts)


def test_parts_that_do_not_fit_together(
    config: AssistantConfig, hub: Hub, parts: dict[str, bytes]
) -> None:
    first, *others = parts
    hub.files["me/g"] = {**parts, first: parts[others[0]]}
    with pytest.raises(AssistantError, match="is not a GGUF file that can be used"):
        pull(["hf.co/me/g"], config, Told())
    assert store().find("hf.co/me/g") is None


def test_an_ollama_gets_what_it_cannot_have_itself(
    config: AssistantConfig,
    ollama: Endpoint,
    hub: Hub,
    parts: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A private repository, and one in parts: they come here and are given to it."""
    demo = paths.demo_gguf().read_bytes()
    hub.files["me/g"] = {"m-Q4_0.gguf": demo, "system": b"Be brief."}
    hub.private["me/g"] = "hf_mine"
    hub.files["me/parts"] = parts
    outcome = pull_one("hf.co/me/g", ollama, config, Told(), Options())
    assert outcome.error is not None
    assert "hf auth login" in (outcome.error.fix or "")
    token = Path.home() / "token"
    token.write_text("hf_mine\n")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(token))
    for name in ("hf.co/me/g", "hf.co/me/parts:q8_0"):
        hub.requests.clear()
        for _ in range(2):
            told = Told()
            outcome = pull_one(name, ollama, config, told, Options())
            assert outcome.error is None, outcome.error
            assert outcome.model == name
        # The second time nothing comes again.
        assert len(fetched(hub)) == len(set(fetched(hub)))
        assert "making the model" not in told.statuses
    assert names(ollama) == {"hf.co/me/g:latest", "hf.co/me/parts:q8_0"}
    model = store().find("hf.co/me/g")
    assert model is not None
    assert "Be brief." in str(model.system)
    assert [path.name for path in (paths.home() / "downloads").iterdir()] == ["lock"]


def test_a_file_that_is_not_what_the_hub_says(
    config: AssistantConfig, ollama: Endpoint, hub: Hub
) -> None:
    hub.files["me/g"] = {"m-Q4_0.gguf": paths.demo_gguf().read_bytes()}
    hub.wrong_sha.add("me/g")
    outcome = pull_one("hf.co/me/g", ollama, config, Told(), Options())
    assert outcome.error is not None
    assert "digest mismatch" in outcome.error.message
    assert names(ollama) == set()


def test_terms_that_want_a_yes_for_an_ollama(
    config: AssistantConfig, ollama: Endpoint, hub: Hub
) -> None:
    hub.files["me/g"] = {"m-Q4_0.gguf": paths.demo_gguf().read_bytes()}
    hub.gated.add("me/g")
    outcome = pull_one("hf.co/me/g", ollama, config, Told(), Options())
    assert outcome.error is not None
    assert "agree to its terms" in outcome.error.message
    assert f"{hub.url}/me/g" in (outcome.error.fix or "")


@pytest.mark.parametrize("known", [False, True])
def test_an_ollama_calls_it_as_you_did(
    assistant: Configure, install_ollama: Callable[..., Path], known: bool
) -> None:
    """It knows what it gets itself by its full name only: one that was there before stays."""
    install_ollama(models="hf.co/me/g:Q4_K_M" if known else "")
    config = assistant(server__kind="auto", server__url=f"http://127.0.0.1:{free_port()}")
    plan = Plan("hf.co/me/g", "hf.co/me/g", "hub", "hf.co/me/g:Q4_K_M")
    server = find_server(config)
    assert server.kind == "ollama"
    outcome = pull_one("hf.co/me/g", server, config, Told(), Options(), plan)
    assert (outcome.model, outcome.error) == ("hf.co/me/g", None)
    assert ("hf.co/me/g:Q4_K_M" in names(server)) is known
    assert "hf.co/me/g:latest" in names(server)
