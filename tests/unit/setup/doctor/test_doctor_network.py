"""Proxies, certificates and the hub's address, by injected variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_assistant.errors import AssistantError
from local_assistant.setup.doctor import Failing, registered
from local_assistant.setup.doctor.network import check_certificates, check_hub, check_proxies
from local_assistant.setup.doctor.readings import Readings
from local_assistant.setup.doctor.runner import run_one


@pytest.fixture(autouse=True)
def _embedded(home: Path) -> None:
    """No server is asked: the engine does not run in this home."""
    file = home / "jupyter" / "assistant.toml"
    file.parent.mkdir()
    file.write_text('[server]\nkind = "embedded"\n')


def readings(**environment: str) -> Readings:
    return Readings(environment=environment)


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTP_PROXY": "http://proxy:3128"},
        {"http_proxy": "http://proxy:3128"},
        {"ALL_PROXY": "socks5://proxy:1080"},
        {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "example.org"},
        {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": ""},
    ],
)
def test_a_proxy_that_catches_this_machine(environment: dict[str, str]) -> None:
    with pytest.raises(Failing, match="sends requests to this machine") as caught:
        check_proxies(readings(**environment))
    assert "NO_PROXY" in (caught.value.fix or "")
    assert "127.0.0.1" in (caught.value.fix or "")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HTTPS_PROXY": "http://proxy:3128"},
        {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "127.0.0.1,localhost"},
        {"HTTP_PROXY": "http://proxy:3128", "no_proxy": "*"},
    ],
)
def test_a_proxy_that_leaves_this_machine_alone(environment: dict[str, str]) -> None:
    assert "this machine is asked directly" in check_proxies(readings(**environment))


def test_the_way_of_downloads_is_said_without_its_password() -> None:
    check = next(each for each in registered() if each.name == "proxies")
    said = run_one(check, readings(HTTPS_PROXY="http://me:verysecret@proxy:3128"))
    assert "through http://me:***@proxy:3128" in said.detail


def test_certificates(tmp_path: Path) -> None:
    assert check_certificates(readings()) == "the machine's own"
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        with pytest.raises(Failing, match=name) as caught:
            check_certificates(readings(**{name: str(tmp_path / "none.pem")}))
        assert caught.value.fix == f"unset {name}"
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(Failing, match="cannot be read"):
        check_certificates(readings(SSL_CERT_FILE=str(empty)))
    import certifi

    assert certifi.where() in check_certificates(readings(SSL_CERT_FILE=certifi.where()))


def test_the_hub() -> None:
    assert check_hub(readings()).endswith("https://huggingface.co")
    assert check_hub(readings(HF_ENDPOINT="http://mirror:8080/hf")).endswith("mirror:8080/hf")
    for wrong in ("mirror", "ftp://mirror", "https://", "mirror:8080"):
        with pytest.raises(AssistantError, match="HF_ENDPOINT is no address") as caught:
            check_hub(readings(HF_ENDPOINT=wrong))
        assert "unset HF_ENDPOINT" in (caught.value.fix or "")
