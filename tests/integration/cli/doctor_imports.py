"""Print what the doctor's checks import of ours beyond what it has imported before them."""

from __future__ import annotations

import importlib
import sys

from local_assistant.setup.doctor import registered, runner
from local_assistant.setup.doctor.readings import Readings

checks = registered()
for name in runner.NEEDED:
    importlib.import_module(f"local_assistant.{name}")
before = set(sys.modules)
readings = Readings()
for check in checks:
    if not check.asks:
        runner.run_one(check, readings)
late = sorted(name for name in set(sys.modules) - before if name.startswith("local_assistant"))
print("\n".join(late))
