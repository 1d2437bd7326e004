"""Acts as the ``ollama`` program does towards whoever starts it; it has no model in it.

STAND_IN_MODE: normal | slow (listens at once, answers late) | dies | silent | loaded (with a
program llama-server beside it, which must be there).
"""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

MODE = os.environ.get("STAND_IN_MODE", "normal")
VERSION = os.environ.get("STAND_IN_VERSION", "0.33.0")
MODELS = [name for name in os.environ.get("STAND_IN_MODELS", "").split(",") if name]
BEGAN = time.monotonic()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if MODE == "slow":
            time.sleep(max(0, 1.5 - (time.monotonic() - BEGAN)))
        if self.path == "/api/version":
            self.reply({"version": VERSION})
        elif self.path == "/api/tags":
            self.reply({"models": [self.listed(name) for name in MODELS]})
        elif self.path == "/api/ps":
            self.reply({"models": []})
        else:
            self.reply({"error": "not found"}, 404)

    @staticmethod
    def listed(name):
        name, _, host = name.partition("@")
        item = {"name": name, "model": name, "size": 5, "details": {"family": "qwen2"}}
        return {**item, "remote_host": host} if host else item

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/show":
            self.reply(
                {"capabilities": ["embedding" if "embed" in body["model"] else "completion"]}
            )
            return
        if self.path == "/api/generate" and body["model"].startswith("unfit"):
            self.reply({"error": "unable to load model: unknown model architecture"}, 500)
            return
        if self.path == "/api/generate":
            self.reply({"response": "Hi", "done": True})
            return
        if self.path == "/api/copy":
            MODELS.append(body["destination"] + ":latest")
            self.reply({})
            return
        if self.path == "/api/embed":
            self.reply({"embeddings": [[1.0, 0.0]]})
            return
        if self.path != "/api/pull":
            self.reply({"error": "not found"}, 404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        name = body["model"]
        self.line({"status": "pulling manifest"})
        if name.startswith("missing"):
            self.line({"error": "pull model manifest: file does not exist"})
        elif name.startswith("broken"):
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        else:
            for done in (None, 50, 100):
                digest = {"status": "pulling 0123456789ab", "digest": "sha256:0", "total": 100}
                self.line({**digest, "completed": done} if done else digest)
            self.line({"status": "verifying sha256 digest"})
            MODELS.append(name if ":" in name else name + ":latest")
            self.line({"status": "success"})
        self.wfile.write(b"0\r\n\r\n")

    def do_DELETE(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        MODELS.remove(body["model"] if ":" in body["model"] else body["model"] + ":latest")
        self.reply({})

    def line(self, value):
        raw = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
        self.wfile.flush()

    def reply(self, value, status=200):
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main():
    if sys.argv[1:] != ["serve"]:
        # As the real one does where no server answers it.
        print("Warning: could not connect to a running Ollama instance")
        print(f"Warning: client version is {VERSION}")
        return 0
    host, _, port = os.environ["OLLAMA_HOST"].rpartition("//")[2].rpartition(":")
    print(f"level=INFO starting with key {os.environ.get('OLLAMA_API_KEY')}", file=sys.stderr)
    ours = {name: value for name, value in os.environ.items() if name.startswith("OLLAMA_")}
    print(f"settings {json.dumps(ours, sort_keys=True)}", file=sys.stderr)
    if MODE == "dies":
        print("Error: could not find a place to put models", file=sys.stderr)
        return 1
    if MODE == "silent":
        threading.Event().wait()
    try:
        server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    except OSError:
        print(f"Error: listen tcp {host}:{port}: bind: address already in use", file=sys.stderr)
        return 1
    if MODE == "loaded":  # as the real one does for each model in memory
        subprocess.Popen([Path(__file__).with_name("llama-server"), "100"])
    print(f"Listening on {host}:{port} (version {VERSION})", file=sys.stderr, flush=True)
    server.serve_forever()
    return 0


sys.exit(main())
