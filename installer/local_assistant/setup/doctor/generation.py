"""Checks that ask the models: a token, a completion, a vector, each timed.

Contract: these start the server that a question would start. What is asked is what smoke
asks, by smoke's own functions.
"""

from __future__ import annotations

from local_assistant.setup import smoke
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import check


@check("chat", asks=True)
def check_chat(readings: Readings) -> str:
    """The chat model answers with text."""
    readings.require_answer("chat")
    return smoke.check_chat(readings.config)


@check("completion", asks=True)
def check_completion(readings: Readings) -> str:
    """The completion model fills in a line of code."""
    readings.require_answer("completion")
    return smoke.check_completion(readings.config)


@check("embedding", asks=True)
def check_embedding(readings: Readings) -> str:
    """The embedding model gives vectors."""
    readings.require_answer("embedding")
    return smoke.check_embedding(readings.config)
