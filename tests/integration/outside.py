"""The outside world on loopback: a proxy that knows CONNECT, and a private authority.

The proxy is asked for the names of the outside world and connects to a server here, so nothing
leaves the machine.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate_for(path: Path, *hosts: str) -> Path:
    """Write a certificate of its own authority for ``hosts`` and 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, hosts), address]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + built.public_bytes(pem))
    return path


def tls(certificate: Path) -> Any:
    """Return what wraps a listening socket so that it speaks TLS with ``certificate``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return lambda plain: context.wrap_socket(plain, server_side=True)


class Proxy:
    """A proxy that knows CONNECT; every name leads to one address."""

    def __init__(self, target: int, password: str = "") -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                wanted = self.rfile.readline().decode().split()[1]
                headers = {}
                while line := self.rfile.readline().decode().strip():
                    key, _, value = line.partition(": ")
                    headers[key.lower()] = value
                proxy.asked.append(wanted)
                pair = base64.b64encode(password.encode()).decode()
                if password and headers.get("proxy-authorization") != f"Basic {pair}":
                    self.wfile.write(b"HTTP/1.1 407 Who are you\r\n\r\n")
                    return
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                with socket.create_connection(("127.0.0.1", target)) as onward:
                    back = threading.Thread(target=_copy, args=(onward, self.connection))
                    back.start()
                    _copy(self.connection, onward)
                    back.join()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that leaves

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other end has closed


@contextmanager
def proxying(target: int, password: str = "") -> Iterator[Proxy]:
    proxy = Proxy(target, password)
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
