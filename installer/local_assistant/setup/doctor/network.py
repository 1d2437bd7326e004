"""Checks of what the environment says about the network: proxies, certificates, the hub."""

from __future__ import annotations

from local_assistant.errors import AssistantError
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.registry import Failing, check, refuse

CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@check("proxies")
def check_proxies(readings: Readings) -> str:
    """No proxy variable catches requests to this machine: ours go past it, those of curl and
    of stock clients in kernels (httpx, requests, LiteLLM, ``ollama``) do not."""
    from local_assistant.config.hosts import DEFAULT_URL
    from local_assistant.engine.pull.network import Network
    from local_assistant.server import proxies

    url = _server_url(readings) or DEFAULT_URL
    name = proxies.catcher(url, readings.environment)
    if name is not None:
        raise Failing(
            f"{name} sends requests to this machine ({url}) to a proxy: stock clients in kernels "
            "and curl do not reach the model server. (The assistant's own parts do.)",
            proxies.advice(),
        )
    network = Network(dict(readings.environment))
    way = network.proxy("https", "registry.ollama.ai", 443)
    return f"this machine is asked directly; downloads go {_by(way)}"


def _by(proxy: str) -> str:
    return f"through {proxy}" if proxy else "directly"


def _server_url(readings: Readings) -> str | None:
    for choice in readings.choices().values():
        return choice.endpoint.url
    return readings.engine.url if readings.engine else None


@check("certificates")
def check_certificates(readings: Readings) -> str:
    """The certificates that a variable names can be read."""
    from local_assistant.engine.pull.network import Network

    named = {name: readings.environment.get(name, "") for name in CERTIFICATES}
    problems = []
    for name, path in named.items():
        try:
            if path:
                Network({name: path}).tls()
        except AssistantError as error:
            problems.append(Failing(error.message, f"unset {name}"))
    refuse(problems)
    there = [f"{name}={path}" for name, path in named.items() if path]
    return ", ".join(there) if there else "the machine's own"


@check("hub")
def check_hub(readings: Readings) -> str:
    """``HF_ENDPOINT`` is an address."""
    from local_assistant.engine.pull.network import Network

    return f"models of hf.co come from {Network(dict(readings.environment)).hub}"
