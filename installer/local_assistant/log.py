"""Log files: one rotating file for each component, in :func:`paths.logs_dir`.

Contract: logging never makes a working command fail (a directory that cannot be written
leaves the component without a log file), the files are readable by this user alone, and
no secret gets into them: bearer tokens, keys and tokens in URLs are cut out, also from
tracebacks.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from local_assistant import paths
from local_assistant.errors import AssistantError

_MAX_BYTES = 1_000_000
_KEPT_FILES = 2
_ROOT = "local_assistant"
_SECRET = re.compile(
    r"(?i)(\bbearer\s+|(?:api[_-]?key|token|password|secret)[\"']?\s*[=:]\s*[\"']?|://[^/\s:@]*:)"
    r"([^\s\"'&,;@]{6,})"
)


def log_file(component: str) -> Path:
    """Return where ``component`` logs (the file need not exist)."""
    return paths.logs_dir() / f"{component}.log"


def redact(text: str) -> str:
    """Return ``text`` without what looks like a secret.

    >>> redact("Authorization: Bearer 0123456789abcdef")
    'Authorization: Bearer ***'
    """
    return _SECRET.sub(r"\1***", text)


class _RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so that arguments and tracebacks are covered too."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def setup_logging(component: str, level: int = logging.INFO) -> Path | None:
    """Send the package's log records to this component's file.

    A process is one component: calling it again changes nothing, or moves the log.

    Returns:
        The log file, or ``None`` where it cannot be written.
    """
    from logging.handlers import RotatingFileHandler

    class QuietHandler(RotatingFileHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            """Drop what cannot be written: a full disk must not print tracebacks."""

    path = log_file(component)
    logger = logging.getLogger(_ROOT)
    ours = [item for item in logger.handlers if isinstance(item, RotatingFileHandler)]
    if any(Path(item.baseFilename) == path for item in ours):
        return path
    try:
        paths.make_private_dir(path.parent)
        # Made here with mode 0600: the handler would make it as the umask says.
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        handler = QuietHandler(
            path, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8", delay=True
        )
    except (OSError, AssistantError):
        return None
    for item in ours:
        logger.removeHandler(item)
        item.close()
    handler.setFormatter(
        _RedactingFormatter("%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s")
    )
    logger.addHandler(handler)
    logger.setLevel(level)
    # Nothing of ours goes on to the root logger: in a kernel that would be the user's stderr.
    logger.propagate = False
    return path


def logger(component: str) -> logging.Logger:
    """Return the package's logger, which writes to ``component``'s file where it can."""
    setup_logging(component)
    return logging.getLogger(_ROOT)
