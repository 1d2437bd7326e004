"""Log files: rotated, private, without secrets, and never in the way."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from local_assistant import paths
from local_assistant.log import redact, setup_logging


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer 0123456789abcdef", "0123456789abcdef"),
        ("GET /lab?token=0123456789abcdef HTTP/1.1", "0123456789abcdef"),
        ('{"api_key": "0123456789abcdef"}', "0123456789abcdef"),
        ("OLLAMA_API_KEY=0123456789abcdef", "0123456789abcdef"),
        ("proxy http://user:hunter22@host:80/", "hunter22"),
    ],
)
def test_secrets_are_cut_out(line: str, secret: str) -> None:
    assert secret in line
    assert secret not in redact(line)


@pytest.mark.parametrize("line", ["48 tokens per second", "the token is wrong", "http://host:80/"])
def test_ordinary_lines_stay(line: str) -> None:
    assert redact(line) == line


def test_records_go_to_a_private_file(home: Path) -> None:
    path = setup_logging("x")
    assert path == paths.logs_dir() / "x.log"
    assert setup_logging("x") == path
    logging.getLogger("local_assistant.anything").info("hello %s", "Bearer 0123456789abcdef")
    text = path.read_text()
    assert text.count("hello") == 1
    assert "0123456789abcdef" not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_directory_no_log_no_failure(home: Path) -> None:
    paths.home().write_text("a file where the directory should be")
    assert setup_logging("x") is None
