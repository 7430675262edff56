"""A whole stack and a real OpenBao: a secret rotated there reaches the next task, and one that is sealed is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bao import Bao
from tests.support.stack import Stack, started_stack
from tests.support.stack_tenant import StackTenant

DAGS = {
    "dags/secrets.py": """
        from airflow.sdk import BaseHook, DAG, Variable, task

        with DAG("reads"):
            @task
            def look():
                connection = BaseHook.get_connection("db")
                return [Variable.get("colour"), len(connection.password), connection.host]
            look()

        with DAG("undeclared"):
            @task
            def look():
                return Variable.get("col" + "our")
            look()
    """
}


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    with started_stack(AERODROME_SECRET_NETWORKS="127.0.0.0/8") as running:
        yield running


def configure(tenant: StackTenant, bao: Bao, *, declared_only: bool, version: int) -> None:
    role_id, secret_id = bao.approle("stack")
    store = {
        "kind": "vault", "name": "main", "address": bao.address, "prefix": "stack", "role_id": role_id,
        "credentials": {"secret_id": secret_id},
    }  # fmt: skip
    body = {"stores": [store, {"kind": "embedded"}], "declared_only": declared_only, "version": version}
    tenant.login.portal.call("PUT", f"/api/portal/v1/tenants/{tenant.slug}/secret-chain", body)


def test_rotated_sealed_and_undeclared(own_stack: Stack, bao: Bao) -> None:
    tenant = own_stack.sign_up()
    bao.put("stack", "variables/colour", value="red-of-vault")
    bao.put("stack", "connections/db", conn_type="http", host="h.example", password="pw-of-vault")
    configure(tenant, bao, declared_only=False, version=0)
    tenant.deploy(DAGS, "reads", "undeclared")

    first = tenant.trigger("reads")
    assert tenant.until_over(first) == ["success"], tenant.log(first, "look")
    assert tenant.xcom(first, "look") == ["red-of-vault", len("pw-of-vault"), "h.example"]

    bao.put("stack", "variables/colour", value="blue")
    second = tenant.trigger("reads")
    assert tenant.until_over(second) == ["success"]
    assert tenant.xcom(second, "look")[0] == "blue", "no push, no restart: the next task has the new value"

    configure(tenant, bao, declared_only=True, version=1)
    declared, undeclared = tenant.trigger("reads"), tenant.trigger("undeclared")
    assert tenant.until_over(declared, undeclared) == ["success", "failed"]
    said = tenant.until_logged("does not declare the variable", undeclared, "look")
    assert "executor_config={'secrets'" in said

    bao.seal()
    try:
        sealed = tenant.trigger("reads")
        assert tenant.until_over(sealed) == ["failed"]
        said = tenant.until_logged("is sealed", sealed, "look")
        assert "'main'" in said
    finally:
        bao.unseal()
    for secret in ("pw-of-vault", "red-of-vault"):
        for name in ("web", "gateway", "scheduler", "agent"):
            assert secret not in own_stack.log(name), f"{name} wrote a secret into its log"
    rows = tenant.rows(
        "SELECT action, target, detail::text FROM audit_row WHERE action LIKE '%%.read' ORDER BY seq"
    )
    assert ("variable.read", "variable:colour") in {row[:2] for row in rows}
    assert any('"refused"' in row[2] for row in rows)
    assert any('"secret-store-sealed"' in row[2] for row in rows)
    assert "pw-of-vault" not in str(rows)
