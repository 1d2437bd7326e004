"""What we ask of an Ollama, and since which version it can do that.

Contract: :data:`FEATURES` is data that a person can read and extend: each row names the
commit in Ollama's history whose first release is ``since``. An Ollama that lacks a needed
feature is not used; one that lacks another is, and ``status`` says what is missing.
Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """Something that an Ollama can do or not.

    Attributes:
        name: what a message calls it.
        since: the first release that has it.
        needed: whether nothing of ours works without it.
        without: what is missing where it is.
        source: the pull request and the commit in Ollama's history.
    """

    name: str
    since: str
    needed: bool
    without: str
    source: str


FEATURES = (
    Feature(
        "/api/embed",
        "0.2.6",
        True,
        "there are no vectors for search",
        "ollama/ollama#5127, b9f5e16c8",
    ),
    Feature(
        "suffix in /api/generate",
        "0.2.6",
        True,
        "code is not completed",
        "ollama/ollama commit d290e8751",
    ),
    Feature(
        "/api/create with JSON",
        "0.5.5",
        False,
        "GGUF files and Modelfiles cannot be imported",
        "ollama/ollama#7935, 86a622cbd",
    ),
    Feature(
        "capabilities in /api/show",
        "0.6.4",
        True,
        "nobody can tell which model chats, completes or embeds",
        "ollama/ollama#10066, e172f095b",
    ),
    Feature(
        "thinking in /api/chat",
        "0.9.0",
        False,
        "the thoughts of a reasoning model stand in its answer",
        "ollama/ollama#10584, 5f57b0ef4",
    ),
    Feature(
        "context_length in /api/ps",
        "0.10.0",
        False,
        "prompts are cut to a small window, because a loaded model's own is not told",
        "ollama/ollama#11331, 34088dbcf",
    ),
    Feature(
        "chat templates of GGUF files",
        "0.30.0",
        False,
        "an imported GGUF may chat in a wrong form",
        "ollama/ollama#16031, 9db4bdbad",
    ),
)


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version such as ``0.6.4-rc1``; empty if it is none."""
    match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def lacking(version: str) -> tuple[Feature, ...]:
    """Return what an Ollama of this version cannot do; a build without one lacks nothing."""
    there = numbers(version)
    if there == (0, 0, 0):
        return ()
    return tuple(feature for feature in FEATURES if there < numbers(feature.since))


def needed_but_lacking(version: str) -> tuple[Feature, ...]:
    """Return what is missing so that this Ollama cannot be used at all."""
    return tuple(feature for feature in lacking(version) if feature.needed)


def newest(features: tuple[Feature, ...]) -> str:
    """Return the first version that has all of ``features``."""
    return max((feature.since for feature in features), key=numbers)
