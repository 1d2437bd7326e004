"""How a registry off this machine is reached: by its name, over TLS, through a proxy.

The registry and the proxy are real servers on loopback; the proxy is asked for the names of
the outside world and connects to the registry here, so nothing leaves the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_assistant.engine.pull.errors import PullError
from local_assistant.engine.pull.network import Network
from local_assistant.engine.pull.pulling import Puller, Wanted
from local_assistant.engine.pull.web import Patience
from local_assistant.engine.store import names
from local_assistant.engine.store.names import DEFAULT_HOST
from local_assistant.engine.store.store import Store
from local_assistant.errors import AssistantError
from tests.integration.engine.registries import Registry, serving
from tests.integration.outside import certificate_for, proxying, tls

FAST = Patience(tries=3, first_pause_s=0.01, stall_s=5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the default registry's name and for 127.0.0.1, with its key."""
    return certificate_for(tmp_path_factory.mktemp("tls") / "both.pem", DEFAULT_HOST)


@pytest.fixture
def registry(certificate: Path) -> Iterator[Registry]:
    with serving(tls(certificate)) as served:
        yield served


def pull(store: Store, name: str, **environment: str) -> None:
    wanted = Wanted(names.parse(name), network=Network(environment))
    puller = Puller(store, FAST, part_bytes=1 << 20)
    puller.pull(wanted, lambda _line: None, puller.scope(wanted))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", others=())


def test_the_default_registry_through_a_proxy(
    store: Store, registry: Registry, certificate: Path
) -> None:
    content = b"GGUF" + bytes(3 << 20)
    registry.add("m", content)
    with proxying(registry.port, "me:secret") as proxy:
        url = f"http://me:secret@{proxy.url}"
        pull(store, "m", HTTPS_PROXY=url, SSL_CERT_FILE=str(certificate))
        assert set(proxy.asked) == {f"{DEFAULT_HOST}:443"}
    manifest = store.manifest(names.parse("m"))
    assert manifest is not None
    assert manifest.size > len(content)
    assert {each.agent for each in registry.asked} != {None}


def test_a_proxy_that_refuses(store: Store, registry: Registry, certificate: Path) -> None:
    with proxying(registry.port, "me:secret") as proxy:
        with pytest.raises(PullError, match="407") as caught:
            pull(store, "m", HTTPS_PROXY=proxy.url, SSL_CERT_FILE=str(certificate))
        assert caught.value.unreachable
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_loopback_goes_past_the_proxy(
    store: Store, registry: Registry, certificate: Path, variable: str
) -> None:
    name = registry.add("m", b"GGUF")
    pull(store, name, HTTPS_PROXY="http://127.0.0.1:9", **{variable: str(certificate)})
    assert store.manifest(names.parse(name)) is not None


def test_a_stranger_s_certificate(store: Store, registry: Registry) -> None:
    name = registry.add("m", b"GGUF")
    with pytest.raises(PullError, match="certificate is not trusted") as caught:
        pull(store, name)
    assert "SSL_CERT_FILE" in (caught.value.fix or "")
    assert registry.asked == []


def test_a_certificate_file_that_is_not_there(store: Store, registry: Registry) -> None:
    with pytest.raises(AssistantError, match="that SSL_CERT_FILE names cannot be read"):
        pull(store, registry.add("m", b"GGUF"), SSL_CERT_FILE="/nowhere.pem")


def test_what_is_asked_for_encrypted_never_comes_plain(
    store: Store, registry: Registry, certificate: Path
) -> None:
    with serving() as plain:
        name = registry.add("m", b"GGUF")
        (path,) = plain.manifests = registry.manifests
        registry.failures.append((path, 302, {"Location": f"http://{plain.host}{path}"}))
        with pytest.raises(PullError, match="which is not encrypted"):
            pull(store, name, SSL_CERT_FILE=str(certificate))
        assert plain.asked == []
