"""A registry with one model of one big file, as fast as Python gets: ``sendfile`` by ranges.

``python benchmarks/file_registry.py FILE DIGEST``: prints its port, serves until killed.
``/sent`` says how many bytes of the file were handed to the sockets so far.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import sys
import threading
from pathlib import Path

PIECE = 4 << 20
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MODEL = "application/vnd.ollama.image.model"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file: Path
    digest: str
    sent = 0
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        size = self.file.stat().st_size
        if self.path == "/sent":
            self._small(json.dumps(Handler.sent).encode())
        elif "/manifests/" in self.path:
            layer = {"mediaType": MODEL, "digest": f"sha256:{self.digest}", "size": size}
            manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [layer]}
            self._small(json.dumps(manifest).encode())
        else:
            self._ranged(size)

    def _small(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _ranged(self, size: int) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        start, end = (int(wanted[1]), int(wanted[2]) + 1) if wanted else (0, size)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(end - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        try:
            with self.file.open("rb") as file:
                while start < end:
                    count = os.sendfile(
                        self.connection.fileno(), file.fileno(), start, min(PIECE, end - start)
                    )
                    start += count
                    with self.lock:
                        Handler.sent += count
        except OSError:
            self.close_connection = True  # the client has left


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass  # a client that was killed


def main() -> None:
    Handler.file, Handler.digest = Path(sys.argv[1]), sys.argv[2]
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
