"""A real registry: Debian's ``docker-registry``, started on loopback.

It is taken from PATH, else from the package, which is fetched and unpacked into a cache
directory; nothing is installed, so no root is needed. Where neither works, the tests that
want it fail and say what to do: they are never skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from local_assistant.engine.store import layers as kinds
from tests.integration.engine.registries import wait_for
from tests.integration.server.conftest import free_port

# At import: later the tests' home is an empty one.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "local-assistant-tests"
HELP = (
    "The pull tests need a real registry and found none. Install your system's package "
    "(Debian: apt install docker-registry), or put a `registry` or `docker-registry` program "
    "(github.com/distribution/distribution) on PATH."
)


def program() -> str:
    """Return the path of a registry's program, fetched if need be."""
    for name in ("docker-registry", "registry"):
        found = shutil.which(name)
        if found:
            return found
    unpacked = CACHE / "usr" / "bin" / "docker-registry"
    if not unpacked.is_file() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        _fetch()
    assert unpacked.is_file(), HELP
    return str(unpacked)


def _fetch() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        quiet: dict[str, Any] = {"cwd": folder, "capture_output": True, "check": False}
        download = ["apt-get", "-qq", "download", "docker-registry"]
        if subprocess.run(download, **quiet).returncode:
            subprocess.run(["apt-get", "-qq", "update"], **quiet)  # does its work for root only
            subprocess.run(download, **quiet)
        for package in Path(folder).glob("*.deb"):
            unpacked = Path(tempfile.mkdtemp(dir=CACHE))
            subprocess.run(["dpkg-deb", "-x", package, unpacked], **quiet)
            (CACHE / "usr" / "bin").mkdir(parents=True, exist_ok=True)
            # By a rename: two test runs may be at it.
            (unpacked / "usr/bin/docker-registry").replace(CACHE / "usr/bin/docker-registry")
            shutil.rmtree(unpacked)


@contextmanager
def running(folder: Path, auth: str = "") -> Iterator[str]:
    """Start the registry with its files in ``folder``; gives ``127.0.0.1:PORT``."""
    host = f"127.0.0.1:{free_port()}"
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\n"
        f"http: {{addr: '{host}'}}\n{auth}"
    )
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program(), "serve", config], stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(host, process))
        yield host
    finally:
        process.terminate()
        process.wait(10)


def answers(host: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the registry has ended"
    try:
        return httpx.get(f"http://{host}/v2/", trust_env=False).status_code in (200, 401)
    except httpx.TransportError:
        return False


def publish(host: str, name: str, **layers: bytes) -> None:
    """Put a model there; each layer's kind is its name."""
    with httpx.Client(base_url=f"http://{host}/v2/{name}", trust_env=False, timeout=60) as client:
        config = _upload(client, kinds.CONFIG, json.dumps({"model_format": "gguf"}).encode())
        listed = [
            _upload(client, f"application/vnd.ollama.image.{kind}", content)
            for kind, content in layers.items()
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": kinds.MANIFEST,
            "config": config,
            "layers": listed,
        }
        reply = client.put(
            "/manifests/latest",
            content=json.dumps(manifest).encode(),
            headers={"Content-Type": kinds.MANIFEST},
        )
        assert reply.status_code == 201, reply.text


def _upload(client: httpx.Client, kind: str, content: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    place = client.post("/blobs/uploads/").raise_for_status().headers["location"]
    done = client.put(httpx.URL(place).copy_merge_params({"digest": digest}), content=content)
    assert done.status_code == 201, done.text
    return {"mediaType": kind, "digest": digest, "size": len(content)}
