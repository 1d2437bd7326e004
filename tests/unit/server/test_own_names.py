"""The assistant's own names for models, and a process that is listed under one of them."""

from __future__ import annotations

import pytest

from local_assistant.errors import AssistantError
from local_assistant.server.installed import InstalledModel, nearest
from local_assistant.server.loaded import entry_of
from local_assistant.server.own_names import base_of, is_alias, refuse_own, trial_name, variant_name

BASES = ("x", "x:1b", "hf.co/user/repo:Q4_K_M", "host:5000/ns/x", "host:5000/ns/x:1b")


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("role", ["chat", "completion"])
def test_a_variant_is_ours_and_tells_its_base(base: str, role: str) -> None:
    name = variant_name(base, role)
    assert is_alias(name)
    assert base_of(name) in (base, f"{base}:latest")
    assert not is_alias(base)
    assert is_alias(trial_name(base))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("assistant-chat", True),
        ("Assistant-Chat:latest", True),
        ("assistant-embed:latest", True),
        ("assistant-demo", False),
        ("me/assistant-chat", False),
        ("my-assistant", False),
        ("my-assistant:7b", False),
        ("my:7b-assistant", True),
    ],
)
def test_which_names_are_ours(name: str, ours: bool) -> None:
    assert is_alias(name) is ours


def test_nobody_can_use_them() -> None:
    with pytest.raises(AssistantError, match="the model in use"):
        refuse_own("assistant-chat")
    with pytest.raises(AssistantError) as raised:
        refuse_own("x:1b-assistant-completion")
    assert raised.value.fix == "Use the model itself: jupyter assistant use x:1b"
    refuse_own("x:1b")


def test_they_are_suggested_to_nobody() -> None:
    models = [InstalledModel("assistant-chat:latest"), InstalledModel("assistant-demo:latest")]
    assert nearest("assistant-cha", models) == ["assistant-demo"]


def entry(name: str, digest: str) -> dict[str, str]:
    return {"name": name, "model": name, "digest": digest}


def test_a_process_under_one_of_our_names_is_the_models() -> None:
    tags = [
        entry("x:1b", "d1"),
        entry("x:1b-assistant", "d2"),
        entry("assistant-chat:latest", "d2"),
        entry("y:latest", "d3"),
        entry("assistant-embed:latest", "d3"),
    ]
    plain, variant = [entry("X:1b", "d1")], [entry("x:1b-assistant", "d2")]
    assert entry_of("x:1b", plain) == plain[0]
    assert entry_of("x:1b", variant) == variant[0]
    alias = [entry("assistant-chat:latest", "d2")]
    assert entry_of("x:1b", alias) is None
    assert entry_of("x:1b", alias, tags) == alias[0]
    assert entry_of("y", alias, tags) is None
    assert entry_of("y", [entry("assistant-embed:latest", "d3")], tags) is not None
    copy = [entry("copy-of-y:latest", "d3")]
    assert entry_of("y", copy, tags) == copy[0], "listed by the name that it was loaded by"
    unknown = [entry("other:latest", "")]
    assert entry_of("z", unknown, [entry("z:latest", "")]) is None
