"""The doctor: everything that can be wrong between Python and one generated token.

Contract: a check is a function under ``@check("name")`` in one of this folder's modules; it
returns one line about what it found, or raises :class:`Failing` (or any other AssistantError)
with the command that mends it. What is only worth knowing is said in the line and fails
nothing. Checks run side by side and are given in the order of the registry; the last ones,
which ask the models, one after the other. Nothing raises out of :func:`examine`. Nothing is
downloaded; only the checks that ask a model start a server; only ``home`` writes, and takes
away again, a file to see whether that works.
"""

from local_assistant.setup.doctor.registry import Failing, check, registered
from local_assistant.setup.doctor.runner import Fixed, examine, mend
from local_assistant.setup.outcome import Check

__all__ = ["Check", "Failing", "Fixed", "check", "examine", "mend", "registered"]
