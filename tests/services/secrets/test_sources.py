"""One suite for every source of a chain: what is there, what is absent, what is neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from controlplane.secrets.null import NullSource
from controlplane.secrets.source import Kind, SecretMalformed, SecretSource
from controlplane.secrets.vault import Login, VaultSession, VaultSource
from tests.support.bao import LOOPBACK, Bao

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


@pytest.fixture(params=["null", "vault"])
def body(request: pytest.FixtureRequest) -> Body:
    if request.param == "null":
        return _null()
    return _vault(request.getfixturevalue("bao"))


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
    for name in ("team/a.b", "with space", "at@sign"):
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
