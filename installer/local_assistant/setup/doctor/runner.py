"""Run the checks, and mend what can be mended safely.

Contract: :func:`examine` yields one :class:`Check` for each registered one, in their order,
and never raises. A check that crashes, or hangs past its deadline, is a failing check.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

from local_assistant.errors import AssistantError
from local_assistant.log import redact
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, Registered, registered
from local_assistant.setup.outcome import Check

LOOK_S = 20.0
ASK_S = 300.0
"""Long: a large model on a small machine takes minutes to load."""

NEEDED = (
    "config",
    "engine.launch",
    "engine.pull.network",
    "engine.store.names",
    "engine.store.store",
    "lab.chat.defaults",
    "lab.completion.families",
    "lab.options",
    "log",
    "machine",
    "models.aliases",
    "models.presets",
    "models.sizing",
    "models.swap",
    "server.client",
    "server.gguf",
    "server.loaded",
    "server.proxies",
    "server.states",
    "setup.doctor.packages",
    "setup.jupyter_ai.step",
    "setup.steps",
)
"""What checks import of ours. Threads that import a package and a part of it at the same time
wait for each other for ever, which Python ends with an error: so it is imported before."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fixed:
    """What ``--fix`` did about one check."""

    name: str
    ok: bool
    detail: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(readings: Readings | None = None) -> Iterator[Check]:
    """Run all checks: those that only look side by side, those that ask one after the other."""
    readings = readings or Readings()
    checks = registered()
    for name in NEEDED:
        importlib.import_module(f"local_assistant.{name}")
    looking = [(each, _in_thread(each, readings)) for each in checks if not each.asks]
    for each, future in looking:
        yield _outcome(each, future, LOOK_S)
    for each in checks:
        if each.asks:
            yield _outcome(each, _in_thread(each, readings), ASK_S)


def mend(checks: Sequence[Check]) -> Iterator[Fixed]:
    """Do what is safe about the failing ones among ``checks``."""
    for found in checks:
        if found.ok or found.safe_fix is None:
            continue
        try:
            yield Fixed(found.name, True, found.safe_fix())
        except AssistantError as error:
            yield Fixed(found.name, False, str(error))
        except Exception as error:
            _log.exception("mending %s failed", found.name)
            yield Fixed(found.name, False, f"{type(error).__name__}: {error}. {_traceback_in()}")


def _in_thread(each: Registered, readings: Readings) -> Future[Check]:
    """Run a check in a thread that does not keep the process alive where it hangs."""
    future: Future[Check] = Future()
    threading.Thread(
        target=lambda: future.set_result(run_one(each, readings)),
        name=f"doctor-{each.name}",
        daemon=True,
    ).start()
    return future


def _outcome(each: Registered, future: Future[Check], patience_s: float) -> Check:
    try:
        return future.result(patience_s)
    except TimeoutError:
        detail = f"The check did not end within {patience_s:.0f} s."
        return Check(each.name, False, detail, _traceback_in(), patience_s * 1000)


def run_one(each: Registered, readings: Readings) -> Check:
    """Run one check; its return value is the detail, its exception the failure."""
    started = time.perf_counter()
    fix, safe_fix, ok = None, None, False
    try:
        detail, ok = each.run(readings), True
    except AssistantError as error:
        detail, fix = error.message, error.fix
        safe_fix = error.safe_fix if isinstance(error, Failing) else None
    except Exception as error:
        # A check reports; it must not end the others.
        _log.exception("doctor's check %s failed", each.name)
        detail = f"The check itself failed: {type(error).__name__}: {error}."
        fix = _traceback_in()
    ms = round((time.perf_counter() - started) * 1000, 1)
    detail = redact(detail)  # a report is what people paste into an issue
    return Check(each.name, ok, detail, _here(fix) if ok or fix else _REPORT, ms, safe_fix)


def _here(fix: str | None) -> str | None:
    """Return a command for this environment: where it has no pip (uv makes such ones), a plain
    ``pip`` is that of another."""
    if fix is None or find_spec("pip") is not None:
        return fix

    def with_uv(found: re.Match[str]) -> str:
        return f"{found[1]}uv pip {found[2]} --python {sys.executable}"

    return re.sub(r"(^|: )pip (install|uninstall)\b", with_uv, fix)


_REPORT = "See the log with: jupyter assistant logs cli"


def _traceback_in() -> str:
    from local_assistant.log import log_file

    return f"{_REPORT} (the traceback is in {log_file('cli')})"
