"""Variables and Connections: set, get, list and delete in the scope of their tenant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.connection import Connection
from controlplane.ledger.models.variable import Variable
from controlplane.secrets import connections, variables
from controlplane.secrets.connections import ConnectionIdInvalid, ConnectionUnknown, Sealed
from controlplane.secrets.contract import SealBroken
from controlplane.secrets.variables import VariableKeyInvalid, VariableUnknown
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope


@pytest.fixture
def scope(tenant: Tenant) -> Iterator[Tenant]:
    with tenant_scope(tenant.id):
        yield tenant


def test_variable_walk(scope: Tenant) -> None:
    assert variables.put(key="k", value="ünï", description="d", now=utc_now()) is True
    first = Variable.objects.get(key="k")
    assert variables.put(key="k", value="two", description=None, now=utc_now()) is False
    assert variables.get("k") == "two"
    row = Variable.objects.get(key="k")
    assert (row.id, row.description, variables.value_of(row)) == (first.id, None, "two")
    variables.delete("k")
    for call in (variables.get, variables.delete):
        with pytest.raises(VariableUnknown, match="'k' not found"):
            call("k")


@pytest.mark.parametrize("key", ["", "k" * 251])
def test_variable_key(scope: Tenant, key: str) -> None:
    with pytest.raises(VariableKeyInvalid):
        variables.put(key=key, value="v", description=None, now=utc_now())


def test_value_moved_to_another_row(scope: Tenant) -> None:
    """Someone who can write rows but has no key cannot make one Variable say what another says."""
    variables.put(key="harmless", value="1", description=None, now=utc_now())
    variables.put(key="secret", value="2", description=None, now=utc_now())
    Variable.objects.filter(key="harmless").update(sealed=Variable.objects.get(key="secret").sealed)
    with pytest.raises(SealBroken):
        variables.get("harmless")
    assert variables.get("secret") == "2"


EXTRA = '{"an_unmistakable_name": 1}'


def test_connection_walk(scope: Tenant) -> None:
    assert connections.put(
        conn_id="c", conn_type="http", host="h", port=80, password="p", extra=EXTRA, now=utc_now()
    )
    assert connections.get("c") == {
        "conn_id": "c",
        "conn_type": "http",
        "host": "h",
        "schema": None,
        "login": None,
        "password": "p",
        "port": 80,
        "extra": EXTRA,
    }
    row = Connection.objects.get(conn_id="c")
    assert connections.secrets_of(row) == Sealed(password="p", extra=EXTRA)
    assert row.sealed is not None and b"unmistakable" not in bytes(row.sealed)
    assert connections.put(conn_id="c", conn_type="http", now=utc_now()) is False
    replaced = connections.get("c")
    assert (replaced["password"], replaced["extra"], replaced["host"]) == (None, None, None)
    assert connections.secrets_of(Connection.objects.get(conn_id="c")) == Sealed()
    connections.delete("c")
    for call in (connections.get, connections.delete):
        with pytest.raises(ConnectionUnknown):
            call("c")


@pytest.mark.parametrize("conn_id", ["", "c" * 251])
def test_connection_id(scope: Tenant, conn_id: str) -> None:
    with pytest.raises(ConnectionIdInvalid):
        connections.put(conn_id=conn_id, conn_type="http", now=utc_now())


def test_stranger(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        variables.put(key="k", value="v", description=None, now=utc_now())
        connections.put(conn_id="c", conn_type="http", password="p", now=utc_now())
    with tenant_scope(other_tenant.id):
        for call in (variables.get, variables.delete):
            with pytest.raises(VariableUnknown):
                call("k")
        for call in (connections.get, connections.delete):
            with pytest.raises(ConnectionUnknown):
                call("c")
        assert variables.list_keys(limit=10).total == 0
    with tenant_scope(tenant.id):
        assert (variables.get("k"), connections.get("c")["password"]) == ("v", "p")
