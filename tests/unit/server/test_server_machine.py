"""What the system tells of listeners, services and processes: texts as each system writes them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from local_assistant.server import leftovers, listener, service
from local_assistant.server.listener import Program
from tests.unit.server.test_server_probe import HEAD, PORT
from tests.waiting import until

LSOF = "p812\ncollama\nLanna\nf3\n"

NETSTAT_GERMAN = """
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         1044
  TCP    127.0.0.1:11434        0.0.0.0:0              ABHÖREN         7312
  TCP    127.0.0.1:11434        127.0.0.1:50100        HERGESTELLT     7312
  TCP    127.0.0.1:50100        127.0.0.1:11434        HERGESTELLT     9000
"""


def test_lsof_of_macos() -> None:
    assert listener.from_lsof(LSOF) == Program("ollama", 812, "anna")
    assert listener.from_lsof("") is None


@pytest.mark.parametrize(
    ("command", "how", "unit"),
    [
        ("/Applications/Ollama.app/Contents/Resources/ollama serve", "app", "Ollama.app"),
        ("/opt/homebrew/opt/ollama/bin/ollama serve", "service", "homebrew.mxcl.ollama"),
        ("/usr/local/Cellar/ollama/0.33.0/bin/ollama serve", "service", "homebrew.mxcl.ollama"),
        ("ollama serve", "hand", ""),
    ],
)
def test_what_started_it_on_macos(command: str, how: str, unit: str) -> None:
    found = listener.as_macos_starts(Program("ollama", 812, "anna"), command)
    assert (found.how, found.unit, found.pid) == (how, unit, 812)


def test_netstat_of_windows_in_any_language() -> None:
    assert listener.from_netstat(NETSTAT_GERMAN, 11434) == 7312
    assert listener.from_netstat(NETSTAT_GERMAN.replace("ABHÖREN", "LISTENING"), 135) == 1044
    assert listener.from_netstat(NETSTAT_GERMAN, 50100) is None


def proc_with(folder: Path, *, cgroup: str, comm: str = "ollama", open_to_us: bool = True) -> Path:
    """Make a ``/proc`` in which process 77 of this user listens on the port."""
    (folder / "net").mkdir()
    row = (
        f"   0: 0100007F:{PORT:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 "
        f"{os.getuid():5} 0 12345 1\n"
    )
    (folder / "net/tcp").write_text(HEAD + row)
    process = folder / "77"
    process.mkdir()
    (process / "comm").write_text(comm + "\n")
    (process / "cgroup").write_text(cgroup)
    if open_to_us:
        (process / "fd").mkdir()
        (process / "fd/3").symlink_to("socket:[12345]")
    return folder


@pytest.mark.parametrize(
    ("cgroup", "how", "unit"),
    [
        ("0::/system.slice/ollama.service\n", "service", "ollama.service"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/ollama.service\n",
            "service",
            "ollama.service",
        ),
        ("0::/user.slice/user-1000.slice/session-2.scope\n", "hand", ""),
        # Started by hand in a terminal of a JupyterHub that is itself a service.
        ("0::/system.slice/jupyterhub.service\n", "hand", ""),
        ("0::/system.slice/docker-0123abcd.scope\n", "container", ""),
        ("12:memory:/docker/0123abcd\n0::/\n", "container", ""),
        ("0::/\n", "hand", ""),
    ],
)
def test_what_started_it_on_linux(tmp_path: Path, cgroup: str, how: str, unit: str) -> None:
    found = listener.on_linux(PORT, proc_with(tmp_path, cgroup=cgroup))
    assert found is not None
    assert (found.name, found.pid, found.how, found.unit) == ("ollama", 77, how, unit)


def test_docker_listens_in_the_place_of_what_runs_inside(tmp_path: Path) -> None:
    found = listener.on_linux(PORT, proc_with(tmp_path, cgroup="0::/", comm="docker-proxy"))
    assert found is not None
    assert found.how == "container"


def test_the_service_of_another_user_is_known_by_its_name(tmp_path: Path) -> None:
    """Whose open files may not be read: there the only ``ollama`` of that user counts."""
    proc = proc_with(tmp_path, cgroup="0::/system.slice/ollama.service", open_to_us=False)
    found = listener.on_linux(PORT, proc)
    assert found is not None
    assert (found.pid, found.how) == (77, "service")


def test_a_program_is_shown_with_all_that_is_known() -> None:
    assert str(Program("nginx", 12, "bob")) == "nginx (process 12, of the user bob)"
    assert str(Program(user="bob")) == "a program (of the user bob)"
    assert str(Program()) == "a program"


def test_a_real_listener_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        found = listener.listening(opened.getsockname()[1])
    assert found is not None
    assert found.pid == os.getpid()


NOW_S = 1000.0


def systemctl(folder: Path, state: str, since_s: float | None = None) -> None:
    """Put a ``systemctl`` on PATH that says what systemd's says, to this one question only."""
    asked = "show --property=ActiveState,ActiveEnterTimestampMonotonic ollama.service"
    since = "" if since_s is None else int(since_s * 1e6)
    said = f"ActiveState={state}\\nActiveEnterTimestampMonotonic={since}\\n" if state else ""
    program = folder / "systemctl"
    program.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] && printf "{said}"\nexit 1\n')
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "since_s", "state"),
    [
        ("active", NOW_S - 59, "coming"),
        ("active", NOW_S - 61, "elsewhere"),
        ("active", 0, "elsewhere"),
        ("active", None, "coming"),
        ("reloading", NOW_S - 61, "elsewhere"),
        ("activating", 0, "coming"),
        ("activating", NOW_S - 61, "coming"),  # it has run before
        ("inactive", 0, "stopped"),
        ("deactivating", NOW_S - 61, "stopped"),
        ("failed", 0, "failed"),
        ("", None, "none"),  # "System has not been booted with systemd", on stderr
    ],
)
def test_what_systemd_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    since_s: float | None,
    state: str,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: NOW_S))
    systemctl(tmp_path, says, since_s)
    monkeypatch.setattr(service, "FOLDERS", (tmp_path,))
    assert service.unit_state() == "none"  # no such unit: not even asked
    (tmp_path / service.UNIT).write_text("[Service]\n")
    assert service.unit_state() == state


PS = """  501   501 /opt/homebrew/bin/ollama
  777   501 /Applications/Ollama.app/Contents/Resources/llama-server
  778   501 /bin/zsh
  900   900 /opt/homebrew/bin/ollama
"""


def test_leftovers_by_ps() -> None:
    assert leftovers.from_ps(PS, 501) == [777]


def test_only_what_ollama_left_is_ended(tmp_path: Path) -> None:
    for name in ("llama-server", "notes"):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(100)\n")
        program.chmod(0o755)
    leader = subprocess.Popen(
        ["/bin/sh", "-c", f"{tmp_path}/llama-server & {tmp_path}/notes & wait"],
        start_new_session=True,
    )

    def names() -> dict[str, int]:
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != leader.pid:
                try:
                    head, _, tail = (entry / "stat").read_text().rpartition(")")
                except OSError:
                    continue
                if int(tail.split()[3]) == leader.pid and tail.split()[0] != "Z":
                    found[head.partition("(")[2]] = int(entry.name)
        return found

    try:
        until(lambda: names().keys() == {"llama-server", "notes"})  # before: the shell, forked
        started = names()
        began = Path(f"/proc/{leader.pid}/stat").read_text().rpartition(")")[2].split()[19]
        leader.kill()
        leader.wait()
        assert leftovers.end(leader.pid, str(int(began) + 10**9)) == []  # of another boot
        assert leftovers.end(leader.pid, began) == [started["llama-server"]]
        until(lambda: set(names()) == {"notes"})
    finally:
        for pid in names().values():
            os.kill(pid, 9)
