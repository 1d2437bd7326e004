"""Make the environment ``.venv`` of this checkout and set the assistant up in it.

Contract: standard library only, starts on any Python from 3.6 on (a cluster's own may be that
old) and goes on with a newer one that is on PATH, changes nothing outside ``.venv`` until the
last step (``jupyter assistant install``, which says what it does itself). Every ``ensure_*`` step
looks first and does nothing when all is right, so running it again is an upgrade or a repair. An
installation that was interrupted leaves a mark, and begins again in a new ``.venv``: its packages
may be there by half, and no installer mends that. So it does in a checkout that was moved.

    python3 bootstrap.py [--tests] [--env-only] [arguments of `jupyter assistant install`]
"""

import hashlib
import os
import platform
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENV = ROOT / ".venv"
BIN = ENV / ("Scripts" if os.name == "nt" else "bin")
EXE = ".exe" if os.name == "nt" else ""
LOCKS = ROOT / "requirements"
MINIMUM = (3, 10)
NO_ENVIRONMENT = 3
"""Exit status without an environment to go on with (1: the assistant's own set-up failed)."""
KNOWN_GOOD = ("3.13", "3.12", "3.11", "3.10", "3.14")


class SetupError(Exception):
    """What was found, what is needed, and the way out, in a newcomer's words."""


def main(arguments: "list[str]") -> int:
    try:
        if sys.version_info < MINIMUM:
            return subprocess.call([newer_python(), str(Path(__file__).resolve()), *arguments])
        return set_up(arguments)
    except SetupError as error:
        print(f"Error: {error}", file=sys.stderr)
        return NO_ENVIRONMENT
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return 130


def set_up(arguments: "list[str]") -> int:
    tests = "--tests" in arguments
    env_only = "--env-only" in arguments
    install_arguments = [a for a in arguments if a not in ("--tests", "--env-only")]
    ensure_environment()
    ensure_packages("test.txt" if tests else "lab.txt")
    return 0 if env_only else run_assistant_install(install_arguments)


def newer_python() -> str:
    """Return the first Python of a sufficient version on PATH: this one is none."""
    for version in KNOWN_GOOD:
        found = shutil.which(f"python{version}")
        if found:
            return found
    raise SetupError(
        f"Python {platform.python_version()} was found ({sys.executable}); Python "
        f"{MINIMUM[0]}.{MINIMUM[1]} or newer is needed. Install one (Debian, Ubuntu: "
        "apt install python3 python3-venv) and run this again with "
        "PYTHON=/path/to/python3 make install."
    )


def ensure_environment() -> None:
    """Create ``.venv``, or create it anew where it is broken, moved or of another Python."""
    if environment_works():
        if not noted_place():
            note_place()
        return
    if was_moved():
        say(f"{ENV.name} was made elsewhere: what you put in yourself must be installed again")
    python, uv = sys.executable, shutil.which("uv")
    say(f"Creating {ENV.name} with {python}")
    if uv:
        command = [uv, "venv", "--quiet", "--clear", "--python", python, str(ENV)]
    else:
        # Its pip comes later: interrupted in the middle of one, venv leaves no mark of that.
        command = [python, "-m", "venv", "--clear", "--without-pip", str(ENV)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        output = (result.stdout + result.stderr).strip()
        raise SetupError(f"Creating {ENV} failed. Remove it and try again. The tool said: {output}")
    note_place()


def environment_works() -> bool:
    if not (ENV / "pyvenv.cfg").is_file() or unfinished().exists():
        return False
    if was_moved():
        return False  # its commands begin with the path of the other place
    check = f"import sys; sys.exit(sys.version_info < {MINIMUM!r})"
    try:
        return subprocess.run([str(python_of_env()), "-c", check], check=False).returncode == 0
    except OSError:
        return False


def unfinished() -> Path:
    """Return the mark of an installation that has begun: packages may be there by half."""
    return ENV / ".assistant-unfinished"


def note_place() -> None:
    (ENV / ".assistant-place").write_text(str(ENV), encoding="utf-8")


def noted_place() -> str:
    """Return where ``.venv`` was when that was noted; empty where it was not."""
    note = ENV / ".assistant-place"
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def was_moved() -> bool:
    """Return whether it lies elsewhere now; one that is not noted is taken as it is."""
    return noted_place() not in ("", str(ENV))


def python_of_env() -> Path:
    return BIN / f"python{EXE}"


def ensure_packages(lock_name: str) -> None:
    """Install the pinned set, then this checkout, unless the stamp says that both are there."""
    wanted = fingerprint(lock_name)
    stamp = ENV / ".assistant-stamp"
    if stamp.is_file() and wanted in stamp.read_text(encoding="utf-8").split():
        return
    unfinished().touch()
    uv = ensure_uv()
    say("Installing the pinned packages (a few minutes on a slow line)")
    install = [uv, "pip", "install", "--quiet", "--python", str(python_of_env())]
    run([*install, "--require-hashes", "-r", str(LOCKS / lock_name)])
    run([*install, "--no-deps", "--no-build-isolation", "--reinstall-package",
         "jupyter-local-assistant", "--editable", str(ROOT)])  # fmt: skip
    # The test set holds the user's set: after `make test`, `make install` has nothing to do.
    stamps = {wanted, fingerprint("lab.txt")}
    partial = stamp.with_suffix(".part")
    partial.write_text("\n".join(sorted(stamps)) + "\n", encoding="utf-8")
    partial.replace(stamp)
    unfinished().unlink()


def fingerprint(lock_name: str) -> str:
    """Return a digest of all that an installed environment depends on."""
    digest = hashlib.sha256(lock_name.encode())
    # What is copied below the prefix, where an editable installation does not see it change.
    folders = ("jupyter_config", "labextension/static", "labextension/schemas")
    copied = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    copied.append(ROOT / "labextension" / "package.json")
    for path in (LOCKS / lock_name, ROOT / "pyproject.toml", *sorted(copied)):
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def ensure_uv() -> str:
    """Return uv: the user's, else a pinned one inside ``.venv``."""
    found = shutil.which("uv") or shutil.which("uv", path=str(BIN))
    if found:
        return found
    say("Installing uv into .venv")
    ensure_pip()
    pip = [str(python_of_env()), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--require-hashes", "-r", str(LOCKS / "bootstrap.txt")])
    return str(BIN / f"uv{EXE}")


def ensure_pip() -> None:
    """Put the pip that Python carries into ``.venv``, unless one is there."""
    python = [str(python_of_env()), "-I", "-m"]
    if subprocess.run([*python, "pip", "--version"], capture_output=True, check=False).returncode:
        ensurepip = [*python, "ensurepip", "--default-pip"]
        result = subprocess.run(ensurepip, capture_output=True, text=True, check=False)
        if result.returncode:
            output = (result.stdout + result.stderr).strip()
            raise SetupError(
                "This Python cannot install packages: its part ensurepip is missing. Install "
                "it (Debian, Ubuntu: apt install python3-venv), or install uv, then run the "
                f"same command again. It said: {output}"
            )


def run(command: "list[str]") -> None:
    """Run a package installer; a failure shows what it said."""
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=installer_environment()
    )
    if result.returncode:
        output = (result.stdout + result.stderr).strip()
        raise SetupError(
            f"{Path(command[0]).name} failed; check the network and the free disk space, then "
            f"run the same command again. It said:\n{output}"
        )


def installer_environment() -> "dict[str, str]":
    """Return the environment for uv: no Python of its own, and the machine's certificates.

    Behind a company's proxy the registry's certificate is signed by an authority that only
    the system's store knows; uv asks its bundled list alone unless told otherwise.
    """
    environment = {"UV_PYTHON_DOWNLOADS": "never"}
    paths = ssl.get_default_verify_paths()
    if sys.platform != "linux" or paths.cafile or paths.capath:
        environment.update(UV_SYSTEM_CERTS="1", UV_NATIVE_TLS="1")
    return {**environment, **os.environ}


def run_assistant_install(arguments: "list[str]") -> int:
    command = [str(BIN / f"jupyter-assistant{EXE}"), "install", *arguments]
    environment = {**os.environ, "LOCAL_ASSISTANT_CHECKOUT": str(ROOT)}
    return subprocess.run(command, check=False, env=environment).returncode


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
