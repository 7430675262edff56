"""One suite for every source of a chain: what is there, what is absent, what is neither."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from controlplane.secrets.aws import ParameterStoreSource, SecretsManagerSource
from controlplane.secrets.azure import AzureSource
from controlplane.secrets.google import GoogleSource
from controlplane.secrets.null import NullSource
from controlplane.secrets.source import (
    Kind,
    SecretMalformed,
    SecretSource,
    SourceDenied,
    SourceFailed,
    SourceFaulty,
    SourceUnreachable,
)
from controlplane.secrets.vault import Login, VaultSession, VaultSource
from tests.support.bad_server import BadServer
from tests.support.bao import LOOPBACK, Bao, free_port
from tests.support.clouds import Azure, Google

FIELDS = {
    "conn_type": "postgres", "host": "db.example.com", "schema": "sales", "login": "ann",
    "password": "s3cret-word", "port": 5432, "extra": '{"sslmode": "require"}',
}  # fmt: skip
URI = "postgresql://ann:s3cret-word@db.example.com:5432/sales?sslmode=require"


@dataclass(frozen=True)
class Body:
    """A source, and how to put something into it."""

    source: SecretSource
    put: Callable[[Kind, str, Any], None]
    names: tuple[str, ...] = ("team/a.b", "with space", "at@sign")
    """That this kind of store can hold."""


def _null() -> Body:
    source = NullSource({})

    def put(kind: Kind, name: str, held: Any) -> None:
        source.held[kind, name] = held

    return Body(source, put)


def _vault(bao: Bao) -> Body:
    role_id, secret_id = bao.approle("suite")
    session = VaultSession(
        address=bao.address, allowed=LOOPBACK, login=Login("approle", role_id=role_id, secret_id=secret_id)
    )

    def put(kind: Kind, name: str, held: Any) -> None:
        if kind == "variable":
            held = {"value": held}
        elif isinstance(held, str):
            held = {"conn_uri": held}
        bao.put("suite", f"{kind}s/{name}", **held)

    return Body(VaultSource(session=session, mount="secret", prefix="suite"), put)


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """moto: the shapes of AWS's answers. It knows no keys and no policies, so nothing here proves isolation."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for service in ("secretsmanager", "ssm"):  # it loads a service at its first question, which takes seconds
        client = boto3.client(
            service,
            endpoint_url=f"http://{host}:{port}",
            region_name="eu-central-1",
            aws_access_key_id="k",
            aws_secret_access_key="k",
        )
        client.list_secrets() if service == "secretsmanager" else client.describe_parameters()
    yield f"http://{host}:{port}"
    server.stop()


def _aws(endpoint: str, kind: str) -> Body:
    prefix = f"suite-{uuid4().hex}"
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "k", "region": "eu-central-1"}
    body = SecretsManagerSource if kind == "secretsmanager" else ParameterStoreSource
    source = body(**keys, prefix=prefix, endpoint=endpoint)
    client = source._client

    def put(kind_of: Kind, name: str, held: Any) -> None:
        text = held if isinstance(held, str) else json.dumps(held)
        if kind == "ssm":
            path = f"/{prefix}/{kind_of}s/{name}"
            client.put_parameter(Name=path, Value=text, Type="SecureString", Overwrite=True)
            return
        path = f"{prefix}/{kind_of}s/{name}"
        try:
            client.create_secret(Name=path, SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=path, SecretString=text)

    return Body(source, put, names=("team/a.b", "a-b_c"))


def _google(request: pytest.FixtureRequest) -> Body:
    """Google's own, where a project and a service account's file are named; else the stand-in."""
    prefix = f"suite-{uuid4().hex}"
    if project := os.environ.get("AERODROME_TEST_GOOGLE_PROJECT"):
        account = json.loads(Path(os.environ["AERODROME_TEST_GOOGLE_ACCOUNT_FILE"]).read_text())
        endpoint = None
    else:
        server = request.getfixturevalue("google")
        project, endpoint = server.project, server.address
        account = {"client_email": server.email, "private_key": server.pem}
    source = GoogleSource(
        project=project,
        prefix=prefix,
        client_email=account["client_email"],
        private_key=account["private_key"],
        endpoint=endpoint,
    )

    def put(kind: Kind, name: str, held: Any) -> None:
        from google.api_core.exceptions import AlreadyExists, Conflict

        parent = f"projects/{project}"
        secret_id = f"{prefix}-{kind}s-{name}"
        with contextlib.suppress(AlreadyExists, Conflict):
            replication = {"replication": {"automatic": {}}}
            source.client.create_secret(
                request={"parent": parent, "secret_id": secret_id, "secret": replication}
            )
        text = held if isinstance(held, str) else json.dumps(held)
        payload = {"data": text.encode()}
        path = f"{parent}/secrets/{secret_id}"
        source.client.add_secret_version(request={"parent": path, "payload": payload})

    return Body(source, put, names=("a-b_c", "A1"))


def _azure(request: pytest.FixtureRequest) -> Body:
    """Azure's own, where a vault and an application are named; else the stand-in."""
    given: dict[str, Any]
    if vault_url := os.environ.get("AERODROME_TEST_AZURE_VAULT_URL"):
        given = {
            "vault_url": vault_url,
            "tenant": os.environ["AERODROME_TEST_AZURE_TENANT"],
            "client_id": os.environ["AERODROME_TEST_AZURE_CLIENT_ID"],
            "client_secret": os.environ["AERODROME_TEST_AZURE_CLIENT_SECRET"],
            "allowed": (),
        }
    else:
        server = request.getfixturevalue("azure")
        given = {
            "vault_url": f"https://{server.host}",
            "tenant": server.application.tenant,
            "client_id": server.application.client_id,
            "client_secret": server.application.secret,
            "allowed": LOOPBACK,
            "authority": server.host,
            "ca_pem": server.ca_pem,
            "is_known_cloud": False,
        }
    source = AzureSource(**given, prefix=f"suite-{uuid4().hex}")

    def put(kind: Kind, name: str, held: Any) -> None:
        secret = source.secret_of(kind, name)
        source.client.set_secret(secret, held if isinstance(held, str) else json.dumps(held))

    return Body(source, put, names=("a-b_c", "A1"))


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


@pytest.fixture(params=["null", "vault", "secretsmanager", "ssm", "google", "azure"])
def body(request: pytest.FixtureRequest) -> Body:
    if request.param == "google":
        return _google(request)
    if request.param == "azure":
        return _azure(request)
    if request.param == "null":
        return _null()
    if request.param == "vault":
        return _vault(request.getfixturevalue("bao"))
    return _aws(request.getfixturevalue("aws"), request.param)


def test_variable(body: Body) -> None:
    body.put("variable", "colour", "grün")
    assert body.source.read(kind="variable", name="colour") == "grün"
    body.put("variable", "colour", "blue")
    assert body.source.read(kind="variable", name="colour") == "blue", "the next question gets the new value"


@pytest.mark.parametrize("held", [FIELDS, URI], ids=["fields", "uri"])
def test_connection(body: Body, held: Any) -> None:
    body.put("connection", "db", held)
    found = body.source.read(kind="connection", name="db")
    assert found == {"conn_id": "db", **FIELDS}


@pytest.mark.parametrize("kind", ["variable", "connection"])
@pytest.mark.parametrize(
    "name", ["absent", "", "..", "../x", "a/../../y", "/a", "a//b", "a\nb", "./a", "a%2e", "ä", "a?b#c"]
)
def test_absent(body: Body, kind: Kind, name: str) -> None:
    assert body.source.read(kind=kind, name=name) is None


def test_no_name_leads_out_of_the_prefix(body: Body) -> None:
    """What stands beside the prefix is not found by any spelling of the way to it."""
    body.put("variable", "own", "mine")
    for name in ("../variables/own", "x/../own", "%2e%2e/variables/own", "..%2fvariables/own"):
        assert body.source.read(kind="variable", name=name) is None, name
    assert body.source.read(kind="connection", name="../variables/own") is None


def test_names_with_slashes_and_dots(body: Body) -> None:
    for name in body.names:
        body.put("variable", name, "v")
        assert body.source.read(kind="variable", name=name) == "v"


@pytest.mark.parametrize(
    "held",
    [
        {"host": "h", "password": "s3cret-word"},
        {"conn_type": "http", "port": "s3cret-word"},
        {"conn_type": "http", "host": ["s3cret-word"]},
        "s3cret-word",
        "{s3cret-word",
        "http://h:s3cret-word",
    ],
)
def test_malformed_connection_names_no_value(body: Body, held: Any) -> None:
    body.put("connection", "odd", held)
    with pytest.raises(SecretMalformed, match="odd") as refused:
        body.source.read(kind="connection", name="odd")
    assert "s3cret-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("google-cloud-platform://", {"conn_type": "google_cloud_platform", "host": None}),
        (
            "http://User%40x:p%2Fw@Host.Example",
            {"login": "User@x", "password": "p/w", "host": "Host.Example"},
        ),
        ("s3://?__extra__=%7B%22a%22%3A%201%7D", {"extra": '{"a": 1}'}),
        ("http://[::1]:80/a%20b", {"host": "::1", "port": 80, "schema": "a b"}),
    ],
)
def test_uris(uri: str, expected: dict[str, Any]) -> None:
    source = NullSource({("connection", "c"): uri})
    found = source.read(kind="connection", name="c")
    assert {name: found[name] for name in expected} == expected


def test_object_as_text() -> None:
    source = NullSource(
        {("connection", "c"): json.dumps({"conn_type": "http", "user": "u", "extra": {"a": 1}})}
    )
    found = source.read(kind="connection", name="c")
    assert (found["login"], found["extra"]) == ("u", '{"a": 1}')


def test_aws_away_and_out_of_order() -> None:
    keys = {
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "s3cret-word",
        "region": "eu-central-1",
    }
    refused = b'{"__type": "AccessDeniedException", "message": "no"}'
    answers: list[tuple[bytes, type[SourceFailed]]] = [
        (b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s" % (len(refused), refused), SourceDenied),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", SourceFaulty),
        (b"", SourceFailed),
    ]
    for answer, expected in answers:
        with BadServer(answer) as server, pytest.raises(expected) as failed:
            SecretsManagerSource(**keys, prefix="p", endpoint=server.address).read(kind="variable", name="k")
        assert "s3cret-word" not in str(failed.value)
    with pytest.raises(SourceUnreachable):
        source = ParameterStoreSource(**keys, prefix="p", endpoint=f"http://127.0.0.1:{free_port()}")
        source.read(kind="variable", name="k")


def test_aws_uses_no_keys_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPLATFORMPLATFORM")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "platform")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    made = SecretsManagerSource(
        region="eu-central-1", prefix="p", access_key_id="AKIATENANTTENANT1234", secret_access_key="tenant"
    )
    used = made._client._request_signer._credentials
    assert (used.access_key, used.secret_key) == ("AKIATENANTTENANT1234", "tenant")
    assert made._client.meta.endpoint_url == "https://secretsmanager.eu-central-1.amazonaws.com"
