"""What a check is, and the list of all of them.

Contract: :func:`registered` imports the modules in the order in which people read the report;
a module's checks come in the order in which they stand there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_assistant.errors import AssistantError
from local_assistant.setup.outcome import SafeFix

if TYPE_CHECKING:
    from local_assistant.setup.doctor.readings import Readings

GROUPS = (
    "environment",
    "storage",
    "network",
    "server",
    "models",
    "sizes",
    "jupyter",
    "kernels",
    "generation",
)
"""The modules with checks."""


class Failing(AssistantError):
    """What a check found wrong; ``safe_fix`` mends it where that is safe."""

    def __init__(self, message: str, fix: str | None, safe_fix: SafeFix | None = None) -> None:
        super().__init__(message, fix)
        self.safe_fix = safe_fix

    @classmethod
    def of(cls, problems: Sequence[AssistantError]) -> Failing:
        """Return all of ``problems`` as one, with what mends each."""
        said = dict.fromkeys(problem.message for problem in problems)
        fixes = dict.fromkeys(problem.fix for problem in problems if problem.fix)
        safe = [p.safe_fix for p in problems if isinstance(p, Failing) and p.safe_fix]

        def mend_all() -> str:
            return "; ".join(mend() for mend in safe)

        return cls(
            " ".join(said),
            "; and: ".join(fixes) or None,
            mend_all if safe else None,
        )


def refuse(problems: Sequence[AssistantError]) -> None:
    """Raise all of ``problems`` as one; nothing where there are none."""
    if problems:
        raise Failing.of(problems)


@dataclass(frozen=True)
class Registered:
    """A check before it is run.

    Attributes:
        name: what the report calls it.
        group: its module.
        about: what it looks at (its docstring).
        mends: what ``--fix`` does about it; empty where a person has to.
        asks: whether it asks a model: then it runs after the others, alone.
    """

    name: str
    group: str
    about: str
    mends: str
    asks: bool
    run: Callable[[Readings], str] = field(repr=False)


_checks: dict[str, Registered] = {}
_Function = Callable[["Readings"], str]


def check(name: str, *, mends: str = "", asks: bool = False) -> Callable[[_Function], _Function]:
    """Register a function as the check ``name``."""

    def register(function: _Function) -> _Function:
        group = function.__module__.rpartition(".")[2]
        about = " ".join((function.__doc__ or "").split())
        _checks[name] = Registered(name, group, about, mends, asks, function)
        return function

    return register


def registered() -> list[Registered]:
    """Return all checks, in the order of the report."""
    for group in GROUPS:
        importlib.import_module(f"local_assistant.setup.doctor.{group}")
    return sorted(_checks.values(), key=lambda each: GROUPS.index(each.group))
