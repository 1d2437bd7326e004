"""Names of files that most likely hold passwords or keys. Standard library only."""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"\.env(?:\..*|rc)?|.*\.env|.*\.(?:pem|key|p12|pfx|kdbx|ppk|asc|gpg)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|_netrc|\.pgpass|\.htpasswd|\.npmrc|\.pypirc"
    r"|credentials(?:\.\w+)?|secrets?\.\w+",
    re.I,
)


def holds_secrets(path: str) -> bool:
    """Return whether a file of this name most likely holds passwords or keys.

    Nothing of such a file goes to a model that was not asked to read that very file.
    """
    return _SECRETS.fullmatch(path.replace("\\", "/").rpartition("/")[2]) is not None
