"""Installed packages against what is required and what is known to fail.

Contract: :data:`KNOWN_BAD` is data that a person can read and extend; each row says where
it was seen. Versions are read from the packages' metadata: nothing is imported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local_assistant.errors import AssistantError

DISTRIBUTION = "jupyter-local-assistant"
PEERS = ("jupyter-ai", "jupyterlab", "jupyter-server", "langchain-ollama", "ipykernel")
"""Beginnings of the names of packages that we work beside: what they require is looked at."""

SHOWN = ("jupyterlab", "jupyter-ai", "langchain-ollama", "xllamacpp", "ipykernel")


@dataclass(frozen=True)
class KnownBad:
    """Packages that do not work together.

    Attributes:
        packages: requirements that hold together where it fails.
        what: what fails, as people meet it.
        fix: the command.
        source: where it was seen.
    """

    packages: tuple[str, ...]
    what: str
    fix: str
    source: str


KNOWN_BAD: tuple[KnownBad, ...] = (
    KnownBad(
        ("litellm>=1.106,<1.108.4", "mcp<2", "jupyter-ai-jupyternaut"),
        "Jupyternaut's chat fails (cannot import name 'CacheableResult' from 'mcp.types')",
        'pip install "litellm<1.106"',
        "tried beside mcp 1.30.0 on 2026-11-22: a chat with tools fails in litellm 1.106.2, "
        "1.106.10 and 1.108.0 to 1.108.3; it works in 1.105.7, 1.108.5 and 1.109.1",
    ),
    KnownBad(
        ("litellm>=1.82.7,<1.82.9",),
        "these two releases were put there by thieves, and send your keys away when Python "
        "starts: change every key and password that this machine knows",
        "pip uninstall litellm",
        "BerriAI/litellm#24518, #24521",
    ),
    KnownBad(
        ("jupyter-ai-magics<3", "langchain-core>=0.4"),
        "Jupyter AI 2 does not load (cannot import name 'PipelinePromptTemplate' from "
        "'langchain_core.prompts')",
        'pip install "langchain-core<0.4" "langchain-ollama<1"',
        "tried on 2026-11-22: jupyter-ai 2.31.7 with langchain-core 1.8.2",
    ),
    KnownBad(
        ("jupyter-ai-magics<3", "langchain-ollama>=1"),
        "Jupyter AI 2 does not offer Ollama's models (cannot import name 'content' from "
        "'langchain_core.messages')",
        'pip install "langchain-ollama<1"',
        "tried on 2026-11-22: jupyter-ai 2.31.7 with langchain-ollama 1.1.0 and "
        "langchain-core 0.3.86",
    ),
    KnownBad(
        ("jupyterlab<4.2",),
        "its inline completer cannot show text while it is written",
        'pip install --upgrade "jupyterlab>=4.2"',
        "the oldest JupyterLab that the package is made for",
    ),
    KnownBad(
        ("jupyterlab>=4.6", "jupyter-collaboration-ui<3"),
        "JupyterLab opens late, and without real-time collaboration (its @jupyter/ydoc is "
        "another than theirs)",
        'pip install --upgrade "jupyter-collaboration>=5"',
        "jupyter-ai-contrib/jupyter-server-documents#265, #273",
    ),
)
"""A requirement alone names a release that fails by itself."""


def installed() -> dict[str, str]:
    """Return the version of each installed distribution, by its normalised name."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            # The first on sys.path is the one that is imported.
            found.setdefault(_canonical(name), distribution.version)
    return found


def holds(requirement: str, there: Mapping[str, str]) -> bool:
    """Return whether a package is there in a version that ``requirement`` names."""
    wanted = Requirement(requirement)
    version = there.get(_canonical(wanted.name))
    return version is not None and wanted.specifier.contains(version, prereleases=True)


def known_bad(there: Mapping[str, str]) -> list[AssistantError]:
    """Return the combinations that are known to fail, and are there."""
    found = []
    for row in matching(there):
        names = [Requirement(requirement).name for requirement in row.packages]
        shown = " with ".join(f"{name} {there[_canonical(name)]}" for name in names)
        found.append(AssistantError(f"{shown}: {row.what}.", row.fix))
    return found


def matching(there: Mapping[str, str]) -> list[KnownBad]:
    """Return the rows whose packages are there."""
    return [row for row in KNOWN_BAD if all(holds(wanted, there) for wanted in row.packages)]


def problems(there: Mapping[str, str]) -> list[AssistantError]:
    """Return all that is wrong; where a combination is known, only what is known to mend it."""
    known = {_canonical(Requirement(text).name) for row in matching(there) for text in row.packages}
    return [*unmet(there, known), *known_bad(there)]


def unmet(there: Mapping[str, str], known: Collection[str] = ()) -> list[AssistantError]:
    """Return what we, or the packages that we work beside, require and is not there.

    Args:
        there: what is installed.
        known: packages that are left out.
    """
    peers = sorted(name for name in there if name.startswith(PEERS) and name not in known)
    wanted = {name: _requires(name) for name in (DISTRIBUTION, *peers)}
    chosen = _chosen_extras(there)
    return [
        problem
        for name, texts in wanted.items()
        for problem in missing(name, texts, there, chosen if name == DISTRIBUTION else ())
    ]


def missing(
    name: str, texts: Sequence[str], there: Mapping[str, str], extras: Sequence[str] = ()
) -> list[AssistantError]:
    """Return which requirements of a package are not met, as one problem.

    Args:
        name: the package.
        texts: what it requires.
        there: what is installed.
        extras: those of its extras whose packages count where they are there.
    """
    bad: dict[str, str] = {}
    for requirement in map(Requirement, texts):
        version = there.get(_canonical(requirement.name))
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if not always and not (version and marker and _any_extra(marker, extras)):
            continue
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            bad[f"{requirement.name}{requirement.specifier}"] = version or "missing"
    if not bad:
        return []
    said = ", ".join(f"{wanted} ({version})" for wanted, version in bad.items())
    commands = " ".join(f'"{wanted}"' for wanted in bad)
    return [AssistantError(f"{name} needs {said}.", f"pip install {commands}")]


def _any_extra(marker: Any, extras: Sequence[str]) -> bool:
    return any(marker.evaluate({"extra": extra}) for extra in extras)


def _chosen_extras(there: Mapping[str, str]) -> tuple[str, ...]:
    """Return our extras whose versions count; beside an older Jupyter AI only the base does."""
    chat = holds("jupyter-ai>=3", there) or "jupyter-ai" not in there
    return ("engine", "chat") if chat else ("engine",)


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def _canonical(name: str) -> str:
    return str(canonicalize_name(name))
