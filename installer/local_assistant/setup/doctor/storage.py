"""Checks of disks and files: the assistant's home, free space, who may read what, leftovers."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from local_assistant.errors import AssistantError, quoted
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

STARTING_S = 2.0
"""How long an engine that starts may take to say where it listens."""

LEAST_FREE = 200_000_000
"""Below this even logs and settings may fail to be written."""

NETWORK_DISKS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "beegfs", "gpfs", "afs", "ceph"}
    | {f"fuse.{kind}" for kind in ("sshfs", "ceph", "glusterfs", "rclone", "s3fs")}
)
"""As Linux names them in its table of mounts."""


@check("home")
def check_home(readings: Readings) -> str:
    """The assistant's folders can be written, and their disk can lock files."""
    from local_assistant import paths
    from local_assistant.engine import runfile

    home = paths.home()
    paths.make_private_dir(home)
    for folder in (home, paths.logs_dir(), paths.run_dir(), paths.state_dir()):
        if not folder.exists():
            continue  # made when it is wanted
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                runfile.try_lock(probe.fileno())
        except OSError as error:
            raise paths.unwritable(folder, error) from error
    disk = network_disk(home)
    note = f", on a network disk ({disk}): slower, and shared by machines" if disk else ""
    return paths.display(home) + note


def network_disk(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """Return the kind of network disk that ``folder`` lies on, or None."""
    if sys.platform == "win32":
        return "a share" if str(folder).startswith("\\\\") else None
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None  # macOS does not say it in a file
    found = ("", "")
    for line in lines:
        _, where, kind, *_ = [*line.split(" "), "", "", ""]
        where = where.replace("\\040", " ")
        if folder.is_relative_to(where) and len(where) >= len(found[0]):
            found = (where, kind)
    return found[1] if found[1] in NETWORK_DISKS else None


@check("disk")
def check_disk(readings: Readings) -> str:
    """There is room at the assistant's home and at the models' folder."""
    from local_assistant import paths
    from local_assistant.server.installed import store_folder
    from local_assistant.setup.files import shown_bytes

    places = {"home": paths.home(), "models": store_folder(readings.config)}
    said, problems = [], []
    for what, place in places.items():
        free = free_bytes(place)
        if free is None:
            continue
        said.append(f"{shown_bytes(free)} free for {what}")
        if free < LEAST_FREE:
            problems.append(
                Failing(
                    f"Only {shown_bytes(free)} are free where {what} lies ({place}).",
                    "Free some space, for example: jupyter assistant rm MODEL "
                    "(see: jupyter assistant models)",
                )
            )
    refuse(problems)
    return ", ".join(said) or "the system does not tell"


def free_bytes(place: Path) -> int | None:
    """Return the free space of the disk on which ``place`` lies, or will lie."""
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    usage = shutil.disk_usage(there)
    return usage.free if usage.total else None  # some disks are none (/proc)


@check("secrets", mends="takes the rights of others off the assistant's own files")
def check_secrets(readings: Readings) -> str:
    """Files with a token in them, and logs, are readable by this user alone."""
    from local_assistant import paths

    if os.name == "nt":
        return "Windows keeps a user's data folder to that user"
    folders = (paths.run_dir(), paths.state_dir(), paths.logs_dir())
    files = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
    open_ones = [file for file in files if file.is_file() and file.stat().st_mode & 0o077]

    def close() -> str:
        for file in open_ones:
            try:
                file.chmod(0o600)
            except OSError as error:
                raise paths.unwritable(file, error) from error
        return f"{len(open_ones)} files are readable by you alone now"

    if open_ones:
        names = ", ".join(paths.display(file) for file in open_ones[:3])
        more = f" and {len(open_ones) - 3} more" if len(open_ones) > 3 else ""
        raise Failing(
            f"Other users of this machine can read {names}{more}.",
            f"chmod 600 {' '.join(quoted(str(file)) for file in open_ones)}",
            close,
        )
    return f"{len(files)} files, readable by you alone"


@check("leftovers", mends="removes run files and records that are damaged")
def check_leftovers(readings: Readings) -> str:
    """What a crash may leave behind is not in the way: run files, records, locks."""
    from local_assistant.engine import runfile
    from local_assistant.server import ollama

    problems: list[AssistantError] = []
    if runfile.run_file().exists() and runfile.read() is None:
        problems.append(_damaged(runfile.run_file(), "run file of the engine"))
    if ollama.record_file().exists() and _unreadable(ollama.record_file()):
        problems.append(_damaged(ollama.record_file(), "record of the Ollama that we started"))
    holder = _lock_holder()
    if holder is not None:
        problems.append(holder)
    refuse(problems)
    return "none in the way"


def _damaged(file: Path, what: str) -> Failing:
    from local_assistant import paths

    def mend() -> str:
        from local_assistant.setup.files import remove

        remove(file)
        return f"removed the damaged {what} ({paths.display(file)})"

    return Failing(
        f"The {what} is damaged: {paths.display(file)}.", f"rm {quoted(str(file))}", mend
    )


def _unreadable(file: Path) -> bool:
    import json

    try:
        return not isinstance(json.loads(file.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return True


def _lock_holder() -> Failing | None:
    """Return what is wrong where an engine holds the lock and nobody knows where it is.

    An engine that is just starting holds it, too: it is given time to say where it listens.
    """
    from local_assistant.engine import runfile

    if runfile.awaited(STARTING_S) is not None or not runfile.locked():
        return None
    return Failing(
        "An engine runs that does not say where it listens: its run file is gone, and no "
        "other engine can start.",
        _end_command(runfile.lock_file()),
    )


def _end_command(file: Path) -> str:
    """Return the command that ends whoever holds a lock; Linux tells who that is."""
    try:
        inode = file.stat().st_ino
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[5].rpartition(":")[2] == str(inode):
                return f"kill {fields[4]}"
    except OSError:
        pass  # not Linux
    return "End the process whose command line has local_assistant.engine in it"
