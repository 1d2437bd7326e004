"""The log file of what runs inside JupyterLab's server.

Contract: :func:`logger` may be called from any thread; the file is made on the first record
that is written, not before. Failures that users meet are said to them in a sentence; the
traceback goes here.
"""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

from local_assistant import paths

_NAME = "local_assistant.lab"
_LIMIT_BYTES = 512 * 1024


def log_file() -> Path:
    return paths.logs_dir() / "jupyterlab.log"


def logger() -> logging.Logger:
    """Return the logger of chat and server extension, writing to :func:`log_file`."""
    log = logging.getLogger(_NAME)
    wanted = str(log_file())
    for handler in log.handlers:
        if isinstance(handler, RotatingFileHandler):
            if handler.baseFilename == wanted:
                return log
            log.removeHandler(handler)
            handler.close()
    try:
        paths.make_private_dir(paths.logs_dir())
        handler = RotatingFileHandler(
            wanted, maxBytes=_LIMIT_BYTES, backupCount=1, delay=True, encoding="utf-8"
        )
    except Exception:  # a read-only home must not silence the message itself
        return log
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    return log
