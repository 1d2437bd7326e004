"""Read TOML quickly.

Contract: :func:`parse` returns plain values or raises tomlkit's error, which knows line and
column. The standard library's parser (Python 3.11 and later) reads a good text in a tenth of
the time that importing tomlkit takes; tomlkit is imported for the rest only.
"""

from __future__ import annotations

import sys
from typing import Any


def parse(text: str) -> dict[str, Any]:
    """Return the values of a TOML text.

    Raises:
        tomlkit.exceptions.TOMLKitError: it is not TOML.
        RecursionError: it is nested too deep.
    """
    if sys.version_info >= (3, 11):
        import tomllib

        try:
            return tomllib.loads(text)
        except ValueError:
            pass  # said better below
    import tomlkit

    values: dict[str, Any] = tomlkit.parse(text).unwrap()
    return values
