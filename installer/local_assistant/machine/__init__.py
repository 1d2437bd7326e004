"""What this machine has for a model: memory, processor cores, graphics cards.

Contract: nothing here raises, and each reading costs milliseconds; where the system does not
say, a careful guess or 0 is returned. A container's limits count, not the host's memory and
cores; what is only cached from files counts as free. Which card a server can use is not
decided here (``models.sizing``). Standard library only.
"""

from local_assistant.machine.gpus import Gpu
from local_assistant.machine.memory import available_memory, usable_memory
from local_assistant.machine.reading import Machine, default_threads, read_machine
from local_assistant.machine.sources import GB, Readings

__all__ = [
    "GB",
    "Gpu",
    "Machine",
    "Readings",
    "available_memory",
    "default_threads",
    "read_machine",
    "usable_memory",
]
