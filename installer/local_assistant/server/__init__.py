"""Model servers: which one answers, with which model, and how to talk to it.

Contract: what other parts need is exported here; importing is cheap (standard library).
"""

from local_assistant.server.choice import DEMO_MODEL, Choice, Look, NotInstalled, choose
from local_assistant.server.client import Client, ServerError, ServerGone
from local_assistant.server.endpoint import Endpoint
from local_assistant.server.installed import InstalledModel, in_our_store, installed
from local_assistant.server.own_names import ALIASES, is_alias
from local_assistant.server.resolve import engine_endpoint, find_server

__all__ = [
    "ALIASES",
    "DEMO_MODEL",
    "Choice",
    "Client",
    "Endpoint",
    "InstalledModel",
    "Look",
    "NotInstalled",
    "ServerError",
    "ServerGone",
    "choose",
    "engine_endpoint",
    "find_server",
    "in_our_store",
    "installed",
    "is_alias",
]
