"""Make ``docs/doctor.md`` from the checks: ``python -m local_assistant.setup.doctor.page FILE``.

Contract: :func:`page` is deterministic; a test fails where the committed file differs from it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from local_assistant.setup.doctor.packages import KNOWN_BAD
from local_assistant.setup.doctor.registry import GROUPS, Registered, registered

_HEAD = """# The doctor

Made from the checks by `python -m local_assistant.setup.doctor.page docs/doctor.md`; do not edit.

    jupyter assistant doctor          # look at everything, down to one generated token
    jupyter assistant doctor --fix    # mend what can be mended safely, then look again
    jupyter assistant doctor --json   # one object: "checks": [{name, ok, detail, fix, ms}]

- A failing check says what was found, and under it, behind `Fix:`, the command that mends it.
  The exit code is then 1. What is only worth knowing stands in the line of a check that is ok.
- Checks run side by side, and are printed in their order. The last three ask the models, one
  after the other: a server that a question would start is started for them.
- `--fix` does only what is safe: it can be done twice, nothing is downloaded, and nothing of yours
  is deleted or changed. It says what it did (`"fixed": [{name, ok, detail}]` in JSON), and
  everything is looked at again.
- It works without a network, with a broken `assistant.toml` (then the defaults count for the
  other checks), without Jupyter, and where nothing can be written.
- A check that crashes is a failing check; its traceback is in the log:
  `jupyter assistant logs cli`.

`jupyter assistant doctor --egress` does something else: it uses the assistant in a JupyterLab of
its own for a minute (`--seconds`), watches all of its processes, and lists every host that one of
them tries to contact; the exit code is 1 where one does ([privacy.md](privacy.md)).

Kernels are looked for where `jupyter_client` looks, in its folders; those that another manager of
kernels adds (for conda environments, say) are not seen.
"""
_TITLES = {
    "environment": "Python, packages, settings",
    "storage": "Disks and files",
    "network": "Proxies, certificates, Hugging Face",
    "server": "Model servers",
    "models": "Models",
    "sizes": "Context and memory",
    "jupyter": "Jupyter",
    "kernels": "Kernels",
    "generation": "Asking the models",
}


def page() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    checks = registered()
    for group in GROUPS:
        yield f"## {_TITLES[group]}\n"
        yield "| check | is fine when, or says | `--fix` |"
        yield "|---|---|---|"
        yield from (_row(check) for check in checks if check.group == group)
        yield ""
    yield "## Packages that are known to fail\n"
    yield "Data in `installer/local_assistant/setup/doctor/packages.py`.\n"
    yield "| packages | what fails | what mends it | seen |"
    yield "|---|---|---|---|"
    for bad in KNOWN_BAD:
        packages = " with ".join(f"`{requirement}`" for requirement in bad.packages)
        yield f"| {packages} | {bad.what} | `{bad.fix}` | {bad.source} |"
    yield ""


def _row(check: Registered) -> str:
    about = check.about.replace("``", "`").replace("|", "\\|")
    return f"| `{check.name}` | {about} | {check.mends} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
