"""Rules without a process: features by version, settings, how to get it, proxies."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from local_assistant.machine import Gpu, Machine
from local_assistant.models import sizing
from local_assistant.models.presets import PRESETS, choose_preset
from local_assistant.server import features, getting, proxies, states, tuning
from local_assistant.server.connecting import connect
from tests.unit.server.conftest import RawServer, reply

CARD = 48 * 1024**3


@pytest.mark.parametrize(
    ("version", "needed", "lacks"),
    [
        ("0.33.0", [], []),
        ("0.0.0", [], []),  # built by hand
        ("0.6.4", [], ["thinking", "context_length", "chat templates"]),
        ("0.5.1", ["capabilities"], ["/api/create", "capabilities", "thinking"]),
        ("0.1.40", ["/api/embed", "suffix", "capabilities"], ["/api/embed"]),
    ],
)
def test_what_a_version_lacks(version: str, needed: list[str], lacks: list[str]) -> None:
    missing = features.needed_but_lacking(version)
    assert [feature.name.split(" in ")[0] for feature in missing] == needed
    names = [feature.name for feature in features.lacking(version)]
    assert [
        name for name, start in zip(names, lacks, strict=False) if not name.startswith(start)
    ] == []
    assert len(names) >= len(lacks)


def test_each_row_names_its_source_and_they_are_in_order() -> None:
    for feature in features.FEATURES:
        assert feature.source.startswith("ollama/ollama")
        assert features.numbers(feature.since)
    ordered = sorted(features.FEATURES, key=lambda feature: features.numbers(feature.since))
    assert list(features.FEATURES) == ordered
    assert features.newest(features.FEATURES) == "0.30.0"


def test_the_docs_name_each_feature_setting_and_state() -> None:
    page = (Path(__file__).parents[3] / "docs" / "server.md").read_text(encoding="utf-8")
    for feature in features.FEATURES:
        assert f"| {feature.since} |" in page
    for name, value in tuning.settings("0.20.0", "30m", CARD).items():
        shown = "[server] keep_alive" if name == "OLLAMA_KEEP_ALIVE" else value
        assert f"| `{name}` | `{shown}`" in page
    for state in get_args(states.State):
        assert f"| `{state}` |" in page
    for line in getting.without_root().splitlines()[1:3]:
        assert line.strip().partition("   (")[0].replace("arm64", "amd64") in page


@pytest.mark.parametrize(
    ("version", "graphics", "names"),
    [
        ("0.33.0", 0, ["KEEP_ALIVE", "NO_CLOUD", "NUM_PARALLEL"]),
        ("", 0, ["KEEP_ALIVE", "NO_CLOUD", "NUM_PARALLEL"]),
        ("0.29.9", 0, ["FLASH_ATTENTION", "KEEP_ALIVE", "NO_CLOUD", "NUM_PARALLEL"]),
        ("0.9.0", 0, ["FLASH_ATTENTION", "KEEP_ALIVE", "NUM_PARALLEL"]),
        ("0.33.0", CARD, ["CONTEXT_LENGTH", "KEEP_ALIVE", "NO_CLOUD", "NUM_PARALLEL"]),
    ],
)
def test_what_we_set(version: str, graphics: int, names: list[str]) -> None:
    found = tuning.settings(version, "30m", graphics)
    assert sorted(found) == [f"OLLAMA_{name}" for name in names]


@pytest.mark.parametrize(
    ("card", "told", "context"),
    [
        (16, None, 4096),  # "told": what we set; "context": what each slot has then
        (22.5, None, 4096),  # an A10
        (24, 16384, 16384),
        (32, None, 32768),
        (46, None, 32768),
        (48, 32768, 32768),
    ],
)
def test_two_slots_of_the_large_model_fit_the_card_that_it_is_for(
    card: float, told: int | None, context: int
) -> None:
    size = int(card * 1024**3)
    found = tuning.settings("0.33.0", "30m", size).get("OLLAMA_CONTEXT_LENGTH")
    assert found == (None if told is None else str(told))
    machine = Machine(64 * 10**9, 8, gpus=(Gpu("card", "nvidia", size),))
    large = PRESETS["large"].for_gpu()
    chosen = choose_preset("auto", machine, kind="ollama")
    on_card = chosen.preset == large and chosen.place == "graphics"
    assert on_card == (card > 22)
    need = sizing.model_bytes(large.models["chat"], context)
    assert (need <= sizing.room(machine, "ollama").graphics) == on_card


def test_what_the_user_has_set_stays() -> None:
    users = {
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_NO_CLOUD": "0",
        "OLLAMA_KEEP_ALIVE": " ",  # nothing, to Ollama
        "OLLAMA_HOST": "0.0.0.0",
        "OLLAMA_API_KEY": "the engine's token",
        "LOCAL_ASSISTANT_ENV": "OLLAMA_API_KEY",
    }
    found = tuning.environment("http://127.0.0.1:1", keep_alive="5m", base=users)
    assert found["OLLAMA_NUM_PARALLEL"] == "1"
    assert found["OLLAMA_NO_CLOUD"] == "0"
    assert found["OLLAMA_KEEP_ALIVE"] == "5m"
    assert found["OLLAMA_HOST"] == "0.0.0.0"
    assert "OLLAMA_API_KEY" not in found


@pytest.mark.parametrize(
    ("platform", "here", "shown"),
    [
        ("linux", "curl -fsSL https://ollama.com/install.sh | sh", "curl"),
        ("darwin", "brew install ollama", "curl"),
        ("win32", "winget install --exact --id Ollama.Ollama", "powershell"),
    ],
)
def test_how_to_get_it_on_each_platform(
    monkeypatch: pytest.MonkeyPatch, platform: str, here: str, shown: str
) -> None:
    monkeypatch.setenv("PATH", "")
    assert here in getting.short(platform)
    assert getting.BY_US in getting.short(platform)
    way = getting.way(platform)
    assert way.shown.startswith(shown)  # without winget, its own script
    assert way.command[-1] in (getting.SCRIPT, getting.POWERSHELL)


@pytest.mark.parametrize(("uid", "words"), [(0, "makes a user named ollama"), (1000, "needs root")])
def test_root_is_named_before_on_linux(
    monkeypatch: pytest.MonkeyPatch, uid: int, words: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert words in getting.way("linux").before


@pytest.mark.parametrize(("machine", "name"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_without_root_the_steps_are_named(
    monkeypatch: pytest.MonkeyPatch, machine: str, name: str
) -> None:
    monkeypatch.setattr(getting.platform, "machine", lambda: machine)
    said = getting.without_root()
    assert f"ollama-linux-{name}.tar.zst" in said
    assert "embedded engine" in said


def test_without_root_and_sudo_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from local_assistant.errors import AssistantError
    from local_assistant.setup import ollama_step

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AssistantError, match="needs root, and there is no sudo") as caught:
        ollama_step._refuse_without_tools(getting.way("linux"))
    assert "tar x --zstd -C ~/.local" in (caught.value.fix or "")


HERE = "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("environ", "url", "name"),
    [
        ({}, HERE, None),
        ({"HTTP_PROXY": "http://p:1"}, HERE, "HTTP_PROXY"),
        ({"http_proxy": "http://p:1"}, HERE, "HTTP_PROXY"),
        ({"ALL_PROXY": "socks5://p:1"}, HERE, "ALL_PROXY"),
        ({"HTTPS_PROXY": "http://p:1"}, HERE, None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://localhost:443", "HTTPS_PROXY"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "localhost, 127.0.0.1"}, HERE, None),
        ({"HTTP_PROXY": "http://p:1", "no_proxy": "*"}, HERE, None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "localhost"}, HERE, "HTTP_PROXY"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "[::1]"}, "http://[::1]:1", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://far.example:11434", None),
    ],
)
def test_proxies_that_catch_this_machine(
    environ: dict[str, str], url: str, name: str | None
) -> None:
    assert proxies.catcher(url, environ) == name
    assert "127.0.0.1" in proxies.advice()


@pytest.fixture
def behind(
    raw_server: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch
) -> SimpleNamespace:
    proxy = raw_server(reply({"version": "1.0.0"}))
    address = f"http://us%20er:pa%3Ass@127.0.0.1:{proxy.port}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)
    return SimpleNamespace(proxy=proxy, credentials=base64.b64encode(b"us er:pa:ss"))


def test_a_server_elsewhere_is_reached_through_the_proxy(behind: SimpleNamespace) -> None:
    connection = connect("http://far.example:11434/ollama", 5)
    connection.request("GET", "/ollama/api/version")
    assert connection.getresponse().status == 200
    connection.close()
    [request] = behind.proxy.requests
    assert request.startswith(b"GET http://far.example:11434/ollama/api/version HTTP/1.1\r\n")
    assert b"Host: far.example:11434\r\n" in request
    assert b"Proxy-Authorization: Basic " + behind.credentials in request


def test_one_with_tls_through_a_tunnel(behind: SimpleNamespace) -> None:
    connection = connect("https://far.example:443/ollama", 5)
    with pytest.raises(OSError, match=r"."):  # this proxy opens none
        connection.connect()
    [request] = behind.proxy.requests
    assert request.startswith(b"CONNECT far.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic " + behind.credentials in request


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_never_reached_through_it(behind: SimpleNamespace, host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(OSError, match=r"."):  # nothing listens there
            connect(f"{scheme}://{host}:1", 5).connect()
    assert behind.proxy.requests == []


def test_no_proxy_excepts_a_server_elsewhere(
    behind: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", ".invalid")
    with pytest.raises(OSError, match=r"."):
        connect("http://far.invalid:1", 5).connect()
    assert behind.proxy.requests == []
