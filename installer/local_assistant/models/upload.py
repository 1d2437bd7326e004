"""Give files to an Ollama: ``/api/blobs``, then ``/api/create``.

Contract: what the server has already is not sent again; what is sent is checked by it against
the digest in the address. The files are read as they are sent, never held as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_assistant.errors import AssistantError, quoted

if TYPE_CHECKING:
    from local_assistant.models.progress import Progress
    from local_assistant.server import Endpoint

_BLOCK = 4 << 20


@dataclass(frozen=True)
class Part:
    """One file of a model.

    Attributes:
        name: what the server is to call it.
        path: where it lies; None where the server has it already.
        digest: its hex sha256; empty where the file is still to be read for it.
    """

    name: str
    path: Path | None
    digest: str = ""


def create(
    model: str, parts: Iterable[Part], more: dict[str, Any], endpoint: Endpoint, progress: Progress
) -> None:
    """Send the files that are not there, and make the model of them.

    Args:
        model: what it is called on the server.
        parts: its files, in their order.
        more: further fields of ``/api/create``.

    Raises:
        PullCancelled: nobody wants it any more.
        AssistantError: a file cannot be read, or the server refuses.
    """
    from local_assistant.server import Client

    files: dict[str, str] = {}
    for part in parts:
        digest = part.digest or _digest(part, progress)
        files[part.name] = f"sha256:{digest}"
        if part.path is not None and not has_blob(endpoint, digest):
            _send(part.path, digest, endpoint, progress)
    progress.say("making the model")
    body = {"model": model, "files": files, "stream": True, **more}
    done = False
    with Client(endpoint).stream("/api/create", body) as lines:
        for line in lines:
            status = str(line.get("status") or "")
            done = status == "success"
            if not done:
                progress.say(f"making the model: {status.partition(' sha256:')[0]}")
    if not done:
        raise AssistantError(
            f"Ollama stopped before {model} was made.",
            f"Go on with: jupyter assistant pull {quoted(progress.name)}",
        )


def send(path: Path, endpoint: Endpoint, progress: Progress) -> str:
    """Have one file at the server as a blob, and return its hex digest.

    Raises:
        PullCancelled: nobody wants it any more.
        AssistantError: it cannot be read, or the server refuses it.
    """
    try:
        digest = _digest(Part(path.name, path), progress)
        if not has_blob(endpoint, digest):
            _send(path, digest, endpoint, progress)
    except OSError as error:
        raise AssistantError(
            f"{path} cannot be read: {error.strerror or error}.", "Check the file's permissions."
        ) from error
    return digest


def _digest(part: Part, progress: Progress) -> str:
    """Read a file; return its digest."""
    assert part.path is not None
    digest, done = hashlib.sha256(), 0
    view = memoryview(bytearray(_BLOCK))
    with part.path.open("rb", buffering=0) as file:
        total = part.path.stat().st_size
        while count := file.readinto(view):
            digest.update(view[:count])
            done += count
            progress.bytes("reading the file", done, total, part.name)
    return digest.hexdigest()


def has_blob(endpoint: Endpoint, digest: str) -> bool:
    from local_assistant.server import Client, ServerError

    try:
        Client(endpoint).request("HEAD", f"/api/blobs/sha256:{digest}")
    except ServerError as error:
        if error.status == 404:
            return False
        raise
    return True


def _send(path: Path, digest: str, endpoint: Endpoint, progress: Progress) -> None:
    from local_assistant.server.client import READ_TIMEOUT_S
    from local_assistant.server.connecting import connect, path_of

    size = path.stat().st_size
    connection = connect(endpoint.url, READ_TIMEOUT_S)
    with contextlib.closing(connection), path.open("rb", buffering=0) as file:
        try:
            connection.connect()
            connection.putrequest("POST", f"{path_of(endpoint.url)}/api/blobs/sha256:{digest}")
            connection.putheader("Content-Length", str(size))
            connection.putheader("Content-Type", "application/octet-stream")
            if endpoint.token:
                connection.putheader("Authorization", f"Bearer {endpoint.token}")
            connection.endheaders()
            sent = 0
            while sent < size:
                count = _some(connection.sock, file, sent, min(_BLOCK, size - sent))
                if not count:
                    raise _shorter(path)
                sent += count
                progress.bytes("sending it to Ollama", sent, size, digest[:12])
            status, said = 0, b""
        except (ConnectionError, TimeoutError) as error:
            # A server that refuses answers before it has read all, and closes.
            status, said = _answer(connection)
            if not status:
                raise _cut(endpoint, error) from error
        if not status:
            status, said = _answer(connection)
    if status not in (200, 201):
        raise _refused(path, status, said)


def _some(sock: socket.socket, file: Any, at: int, count: int) -> int:
    """Send a piece of a file; by the kernel alone where the connection is a plain one.

    Returns how many bytes went: 0 where the file ends before ``at``.
    """
    if isinstance(sock, ssl.SSLSocket):
        file.seek(at)
        data = file.read(count)
        sock.sendall(data)
        return len(data)
    return sock.sendfile(file, at, count)


def _answer(connection: Any) -> tuple[int, bytes]:
    import http.client

    try:
        response = connection.getresponse()
        return response.status, response.read(4096)
    except (OSError, http.client.HTTPException):
        return 0, b""


def _cut(endpoint: Endpoint, error: OSError) -> AssistantError:
    return AssistantError(
        f"The connection to {endpoint.url} was cut while the file was sent "
        f"({error.strerror or error}).",
        "See whether the server runs: jupyter assistant status",
    )


def _shorter(path: Path) -> AssistantError:
    return AssistantError(
        f"{path} has changed while it was sent.",
        "Run it again when nothing writes to the file any more.",
    )


def _refused(path: Path, status: int, said: bytes) -> AssistantError:
    import json

    try:
        text = str(json.loads(said)["error"])
    except (ValueError, KeyError, TypeError):
        text = said.decode("utf-8", "replace").strip()[:200] or f"HTTP status {status}"
    fix = "Free some space where the server keeps its models." if "space" in text else None
    if status == 0:
        text = "no answer"
    return AssistantError(
        f"{path.name} was refused: {text.rstrip('.')}.", fix or "See the server's log."
    )
