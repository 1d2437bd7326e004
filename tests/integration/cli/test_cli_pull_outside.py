"""``pull`` as a process obeys its own shell: proxy, exceptions, private authority, mirror.

The engine runs before, and was started from a shell that knows nothing of all that: what the
command's own environment says has to reach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Assistant, embedded
from tests.integration.engine import tiny_gguf
from tests.integration.engine.registries import Registry, serving
from tests.integration.hub import Hub
from tests.integration.outside import certificate_for, proxying, tls

REGISTRY = "registry.ollama.ai"
MIRROR = "hub.test"
"""A name that nobody ever has: only the proxy knows it."""

REPOSITORY = "user/tiny"
QUANT = "tiny-Q8_0.gguf"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    return certificate_for(path, REGISTRY, MIRROR, "huggingface.co", "elsewhere.test")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_gguf.write(tmp_path_factory.mktemp("gguf") / QUANT).read_bytes()


@pytest.fixture
def registry(certificate: Path, model: bytes) -> Iterator[Registry]:
    with serving(tls(certificate)) as served:
        served.add("tiny", model)
        yield served


@pytest.fixture
def hub(certificate: Path, model: bytes) -> Iterator[Hub]:
    served = Hub()
    served.server.socket = tls(certificate)(served.server.socket)
    served.files[REPOSITORY] = {QUANT: model}
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def running(assistant: Assistant) -> Assistant:
    """An assistant whose engine runs already."""
    embedded(assistant)
    assert assistant.run("install").code == 0
    return assistant


def port_of(hub: Hub) -> int:
    port: int = hub.server.server_address[1]
    return port


def test_a_pull_through_a_proxy_from_a_registry_with_a_private_authority(
    running: Assistant, registry: Registry, certificate: Path
) -> None:
    with proxying(registry.port, "me:secret") as proxy:
        running.env |= {
            "HTTPS_PROXY": f"http://me:secret@{proxy.url}",
            "SSL_CERT_FILE": str(certificate),
        }
        done = running.run("pull", "tiny", "--json")
        assert done.code == 0, done.out + done.err
        assert set(proxy.asked) == {f"{REGISTRY}:443"}
    listed = {model["name"] for model in running.run("models", "--json").json["models"]}
    assert "tiny" in listed
    for log in (running.data / "logs").glob("*.log"):
        assert "secret" not in log.read_text(), log


def test_the_shell_of_one_pull_does_not_count_for_the_next(
    running: Assistant, registry: Registry, certificate: Path
) -> None:
    with proxying(registry.port) as proxy:
        good = {"HTTPS_PROXY": f"http://{proxy.url}", "SSL_CERT_FILE": str(certificate)}
        before = dict(running.env)
        running.env |= good | {"SSL_CERT_FILE": ""}
        refused = running.run("pull", "tiny")
        assert refused.code == 1
        assert "certificate is not trusted" in refused.err
        assert "SSL_CERT_FILE" in refused.err
        running.env = before | good
        assert running.run("pull", "tiny", "--no-verify").code == 0


def test_no_proxy_leaves_a_host_out(running: Assistant, registry: Registry) -> None:
    with proxying(registry.port) as proxy:
        running.env |= {"HTTPS_PROXY": f"http://{proxy.url}", "NO_PROXY": "localhost,.test"}
        done = running.run("pull", "elsewhere.test/library/tiny")
        assert done.code == 1
        assert "elsewhere.test" in done.err
        assert proxy.asked == [], "asked though it is excepted"


def test_a_mirror_of_hugging_face_behind_a_proxy(
    running: Assistant, hub: Hub, certificate: Path
) -> None:
    with proxying(port_of(hub)) as proxy:
        running.env |= {
            "HTTPS_PROXY": f"http://{proxy.url}",
            "SSL_CERT_FILE": str(certificate),
            "HF_ENDPOINT": f"https://{MIRROR}",
            "HF_TOKEN": "hf_very_secret_token",
        }
        hub.private[REPOSITORY] = "hf_very_secret_token"
        done = running.run("pull", f"hf.co/{REPOSITORY}:Q8_0", "--json")
        assert done.code == 0, done.out + done.err
        assert set(proxy.asked) == {f"{MIRROR}:443"}
    assert all(credential == "Bearer hf_very_secret_token" for _, credential in hub.authorizations)
    for log in (running.data / "logs").glob("*.log"):
        assert "hf_very_secret_token" not in log.read_text(), log


def test_a_mirror_without_encryption_on_this_machine(running: Assistant, model: bytes) -> None:
    plain = Hub()
    plain.files[REPOSITORY] = {QUANT: model}
    try:
        running.env |= {"HF_ENDPOINT": plain.url, "HTTP_PROXY": "http://127.0.0.1:9"}
        done = running.run("pull", f"hf.co/{REPOSITORY}:Q8_0", "--no-verify", "--json")
        assert done.code == 0, done.out + done.err
    finally:
        plain.server.shutdown()
        plain.server.server_close()


@pytest.mark.parametrize(
    ("env", "name", "said"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "tiny", "HTTPS_PROXY"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "tiny", "SSL_CERT_FILE"),
        ({"HF_ENDPOINT": "mirror"}, "hf.co/user/tiny:Q8_0", "HF_ENDPOINT"),
    ],
    ids=["a proxy that is down", "certificates that are not there", "no address"],
)
def test_what_is_wrong_is_said(
    running: Assistant, env: dict[str, str], name: str, said: str
) -> None:
    running.env |= env
    done = running.run("pull", name)
    assert done.code == 1
    assert said in done.err
    assert "Fix: " in done.err
    assert "Traceback" not in done.err
