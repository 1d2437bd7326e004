"""Notebook Intelligence beside the assistant: both as their users have set them up."""

from __future__ import annotations

import pytest

from tests.peers.installed import Installed

pytestmark = pytest.mark.long


class TestInstalled(Installed):
    pins = "notebook-intelligence.txt"
