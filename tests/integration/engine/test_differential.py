"""The differential script: two engines agree in every case, and a server that lies is found."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_assistant.engine.launch import EngineInfo
from tests.integration.engine.conftest import Own

REPOSITORY = Path(__file__).parents[3]


def compare(a: str, b: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.differential", "--a", a, "--b", b, *more],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=500,
    )


@pytest.mark.timeout(540)  # 700 cases, twice
def test_two_engines_answer_every_case_alike(
    engine_again: EngineInfo, own_engine: Callable[..., Own]
) -> None:
    other = own_engine().info
    assert other.url != engine_again.url
    tokens = ("--token-a", str(engine_again.token), "--token-b", str(other.token))
    done = compare(engine_again.url, other.url, *tokens, "--json")
    report: dict[str, Any] = json.loads(done.stdout or "{}")
    assert report.get("unknown") == [], done.stderr
    assert report["not_played"] == [], report["models_missing"]
    assert report["cases"] == report["played"] >= 600
    # What was cached, and the last digits of a sum, may differ from run to run.
    places = {each["place"].rpartition(".")[2] for each in report["meant"]}
    assert places <= {"cached_count", "logprob"}
    assert done.returncode == 0
    with httpx.Client(base_url=engine_again.url, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {engine_again.token}"
        names = [each["name"] for each in client.get("/api/tags").json()["models"]]
    assert not [name for name in names if "differential" in name], "models were left behind"


class _Liar(BaseHTTPRequestHandler):
    """Passes everything on to the engine and changes a few words of the answers."""

    upstream = httpx.Client(trust_env=False, timeout=60)

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("host", "connection", "accept-encoding")
        }
        answer = self.upstream.request(self.command, self.path, content=body, headers=kept)
        text = answer.content.replace(b'"version":"', b'"version":"9.').replace(
            b'"done_reason":"stop"', b'"done_reason":"end"'
        )
        self.send_response(answer.status_code)
        if "content-type" in answer.headers:
            self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_DELETE = do_HEAD = _pass_on

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def liar(engine_again: EngineInfo) -> Iterator[str]:
    _Liar.upstream.base_url = engine_again.url
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Liar)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def test_a_server_that_differs_is_found_out(engine_again: EngineInfo, liar: str) -> None:
    token = str(engine_again.token)
    tokens = ("--token-a", token, "--token-b", token, "--model", "assistant-demo")
    done = compare(engine_again.url, liar, *tokens, "--only", "version/get", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["unknown"]
    assert [(each["case"], each["place"]) for each in found] == [("version/get", "$.body.version")]
    done = compare(engine_again.url, liar, *tokens, "--only", "chat/stop*")
    assert done.returncode == 1, done.stderr
    assert "$.body[1].chunk.done_reason" in done.stdout
    assert "2 differ (2 places)" in done.stdout
    done = compare(engine_again.url, liar, *tokens, "--only", "version/head")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_known_difference_is_counted_apart(
    engine_again: EngineInfo, liar: str, tmp_path: Path
) -> None:
    known = tmp_path / "known.toml"
    known.write_text(
        '[[known]]\ncases = ["version/*"]\nat = "$.body.version"\nreason = "it is meant"\n', "utf-8"
    )
    token = str(engine_again.token)
    done = compare(
        engine_again.url, liar, "--token-a", token, "--token-b", token, "--known", str(known),
        "--model", "assistant-demo", "--only", "version/get",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "  1  it is meant" in done.stdout
    assert "1 differ as meant, 0 differ" in done.stdout


def test_a_server_that_is_not_there_is_an_error_of_its_own(engine_again: EngineInfo) -> None:
    done = compare(engine_again.url, "http://127.0.0.1:1", "--token-a", str(engine_again.token))
    assert done.returncode == 2
    assert "does not answer" in done.stderr
