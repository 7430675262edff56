"""Google Cloud Secret Manager and Azure Key Vault: what fails, and that no key of the machine is used."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.secrets.azure import AzureSource
from controlplane.secrets.google import GoogleSource
from controlplane.secrets.source import (
    SecretMalformed,
    SourceBusy,
    SourceDenied,
    SourceFailed,
    SourceFaulty,
    SourceUnreachable,
)
from tests.support.bao import LOOPBACK, free_port
from tests.support.clouds import Azure, Google, as_google_sends, private_key


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    server = Google()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def azure() -> Iterator[Azure]:
    server = Azure()
    server.start()
    yield server
    server.stop()


def of_google(server: Google, **changed: Any) -> GoogleSource:
    given = {
        "project": server.project,
        "prefix": "airflow",
        "client_email": server.email,
        "private_key": server.pem,
        "endpoint": server.address,
    }
    return GoogleSource(**{**given, **changed})


def of_azure(server: Azure, **changed: Any) -> AzureSource:
    given = {
        "vault_url": f"https://{server.host}",
        "prefix": "airflow",
        "tenant": server.application.tenant,
        "client_id": server.application.client_id,
        "client_secret": server.application.secret,
        "allowed": LOOPBACK,
        "authority": server.host,
        "ca_pem": server.ca_pem,
        "is_known_cloud": False,
    }
    return AzureSource(**{**given, **changed})


def failure_of(source: GoogleSource | AzureSource) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        source.read(kind="variable", name="colour")
    return failed.value


def test_google_refuses_another_key_and_another_account(google: Google) -> None:
    stranger = private_key()[1]
    for changed in ({"private_key": stranger}, {"client_email": "eve@evil.iam.gserviceaccount.com"}):
        failed = failure_of(of_google(google, **changed))
        assert isinstance(failed, SourceDenied)
        assert stranger not in str(failed)
    broken = failure_of(of_google(google, private_key="no key"))
    assert isinstance(broken, SourceDenied)


@pytest.mark.parametrize(
    ("status", "expected"), [(500, SourceFaulty), (503, SourceFaulty), (429, SourceBusy)]
)
def test_out_of_order(google: Google, azure: Azure, status: int, expected: type[SourceFailed]) -> None:
    for server, source in ((google, of_google(google)), (azure, of_azure(azure))):
        server.broken = status
        try:
            assert isinstance(failure_of(source), expected)
        finally:
            server.broken = None


def test_disabled_is_refused_and_never_absent(google: Google, azure: Azure) -> None:
    for server, source in ((google, of_google(google)), (azure, of_azure(azure))):
        server.held["airflow-variables-off"] = as_google_sends("x")
        server.disabled.add("airflow-variables-off")
        with pytest.raises(SourceDenied):
            source.read(kind="variable", name="off")


def test_what_is_no_text_is_malformed(google: Google) -> None:
    google.held["airflow-variables-bytes"] = "//79"
    with pytest.raises(SecretMalformed, match="bytes"):
        of_google(google).read(kind="variable", name="bytes")


def test_azure_refuses_another_secret(azure: Azure) -> None:
    failed = failure_of(of_azure(azure, client_secret="s3cret-of-eve"))
    assert isinstance(failed, SourceDenied)
    assert "s3cret-of-eve" not in str(failed)


def test_nobody_there(google: Google, azure: Azure) -> None:
    port = free_port()
    away = [
        of_google(google, endpoint=f"http://127.0.0.1:{port}"),
        of_azure(azure, vault_url=f"https://127.0.0.1:{port}"),
    ]
    for source in away:
        assert isinstance(failure_of(source), SourceUnreachable)


def test_azure_is_reached_through_the_guard(azure: Azure) -> None:
    failed = failure_of(of_azure(azure, allowed=()))
    assert isinstance(failed, SourceUnreachable)
    assert "internal address" in str(failed)
    other = failure_of(of_azure(azure, ca_pem=None))
    assert isinstance(other, SourceFailed), "a certificate of its own is nobody's"


def test_nothing_of_the_machine_is_used(
    google: Google, azure: Azure, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    file = tmp_path / "platform.json"
    account = {"type": "service_account", "client_email": "platform@p.iam", "private_key": private_key()[1]}
    file.write_text(json.dumps({**account, "token_uri": "http://127.0.0.1:1"}))
    for name, value in {
        "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        "AZURE_CLIENT_SECRET": "platform",
        "AZURE_AUTHORITY_HOST": "127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    google.held["airflow-variables-colour"] = as_google_sends("green")
    azure.held["airflow-variables-colour"] = "green"
    for source in (of_google(google), of_azure(azure)):
        assert source.read(kind="variable", name="colour") == "green"


def test_google_asks_nobody_else(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a token nor, as the library does by itself, for the account's regions."""
    source = of_google(google)
    credentials = source.client.transport._session.credentials
    assert credentials._is_regional_access_boundary_lookup_required() is False
    asked: list[str] = []
    real = socket.getaddrinfo

    def watched(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(str(host))
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    google.held["airflow-variables-colour"] = as_google_sends("blue")
    assert source.read(kind="variable", name="colour") == "blue"
    assert set(asked) <= {"127.0.0.1"}
