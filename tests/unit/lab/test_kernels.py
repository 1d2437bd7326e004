"""Kernels encrypt what they say, unless the user has decided it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from jupyter_client.manager import KernelManager
from traitlets.config import Config

from local_assistant.lab.kernels import OPTION, encrypt


def manager(**sections: dict[str, str]) -> SimpleNamespace:
    return SimpleNamespace(config=Config(sections))


def test_kernels_started_from_now_on_are_encrypted() -> None:
    server = manager()
    assert encrypt(server)
    assert KernelManager(parent=None, config=server.config).transport_encryption == "auto"


@pytest.mark.parametrize("section", ["KernelManager", "ServerKernelManager"])
def test_what_the_user_has_set_stays(section: str) -> None:
    server = manager(**{section: {OPTION: "disabled"}})
    assert not encrypt(server)
    assert server.config == Config({section: {OPTION: "disabled"}})


def test_other_settings_of_kernels_are_no_decision() -> None:
    assert encrypt(manager(KernelManager={"autorestart": "no"}))


def test_an_older_jupyter_client_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KernelManager, "class_traits", classmethod(lambda cls: {}))
    server = manager()
    assert not encrypt(server)
    assert server.config == Config()
