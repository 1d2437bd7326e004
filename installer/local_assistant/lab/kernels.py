"""What passes between the Jupyter server and its kernels is closed to other users.

Contract: cheap to import. A kernel's ports are TCP ports on loopback. What is sent to it is signed,
but its outputs go to whoever connects, on a shared machine to every user: an answer of ``%%ai``,
too. jupyter_client can encrypt them (CurveZMQ) for kernels that say they can; that is switched on
here, where it is there and the user has not decided it. The keys lie in the connection file,
which only the user can read.
"""

from __future__ import annotations

from typing import Any

OPTION = "transport_encryption"
WHERE_POSSIBLE = "auto"


def encrypt(kernel_manager: Any) -> bool:
    """Have kernels that are started from now on encrypt what they say; return whether they will.

    Args:
        kernel_manager: the Jupyter server's, which starts the kernels.
    """
    import zmq
    from jupyter_client.manager import KernelManager

    if not KernelManager.class_traits().get(OPTION) or not zmq.has("curve"):
        return False  # an older jupyter_client, or a ZeroMQ without it
    config = kernel_manager.config
    if any(OPTION in config[name] for name in config if name.endswith("KernelManager")):
        return False  # the user has decided it
    config.KernelManager[OPTION] = WHERE_POSSIBLE
    return True
