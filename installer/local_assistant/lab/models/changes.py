"""Who wants to know that other models are there, or that another one answers.

Contract: one list for a Jupyter server; :func:`tell` may be called from any thread, and each
listener is called on the event loop that it subscribed on. Standard library only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Listener = Callable[[], None]

_listeners: dict[Listener, asyncio.AbstractEventLoop] = {}


def subscribe(listener: Listener) -> Callable[[], None]:
    """Have ``listener`` called at every change; return what ends that."""
    _listeners[listener] = asyncio.get_running_loop()

    def end() -> None:
        _listeners.pop(listener, None)

    return end


def tell() -> None:
    """Something has changed."""
    for listener, loop in list(_listeners.items()):
        try:
            loop.call_soon_threadsafe(listener)
        except RuntimeError:  # that loop has ended
            _listeners.pop(listener, None)
