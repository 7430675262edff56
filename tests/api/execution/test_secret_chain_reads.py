"""A task's connections and variables through its tenant's chain, with a real Vault: order, rotation, refusals, audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections as links
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from controlplane.secrets import chain, variables
from controlplane.secrets.bounded import BoundedAsking
from tenants.models.audit_row import AuditRow
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, running_try
from tests.support.bao import LOOPBACK, Bao
from tests.support.factories import parsed_dag
from tests.support.specs import dag as dag_spec
from tests.support.specs import task as task_spec

LEDGER = {"kind": "embedded", "name": "embedded"}


@pytest.fixture(autouse=True)
def loopback(database: None) -> Iterator[None]:
    chain._asking.cache_clear()
    chain._kept.cache_clear()
    chain._sources.clear()
    with override_settings(SECRET_NETWORKS=LOOPBACK):
        yield


def vault(bao: Bao, prefix: str, name: str = "main") -> dict[str, Any]:
    role_id, secret_id = bao.approle(prefix)
    credentials = {"secret_id": secret_id}
    return {
        "kind": "vault", "name": name, "address": bao.address, "prefix": prefix, "role_id": role_id,
        "credentials": credentials,
    }  # fmt: skip


def configure(tenant: Tenant, *stores: dict[str, Any], declared_only: bool = False) -> None:
    with tenant_scope(tenant.id):
        version = chain.read().version
        chain.put(stores=list(stores), declared_only=declared_only, expected=version, now=utc_now())


def put(tenant: Tenant, key: str, value: str) -> None:
    with tenant_scope(tenant.id):
        variables.put(key=key, value=value, description=None, now=utc_now())


def reads(tenant: Tenant) -> list[dict[str, Any]]:
    with tenant_scope(tenant.id):
        rows = AuditRow.objects.filter(action__endswith=".read").order_by("seq")
        return [{"target": row.target, "actor": row.actor_kind, "all": str(vars(row))} for row in rows]


def test_in_order(tenant: Tenant, bao: Bao) -> None:
    configure(tenant, vault(bao, "alpha"), LEDGER)
    put(tenant, "both", "ledger")
    put(tenant, "ours", "ledger")
    bao.put("alpha", "variables/both", value="vault")
    bao.put("alpha", "connections/db", conn_uri="postgres://ann:pw-of-ann@h:5432/d")
    door = running_try(tenant).door()
    assert door.get("variables/both")["value"] == "vault"
    assert door.get("variables/ours")["value"] == "ledger"
    assert door.get("connections/db")["password"] == "pw-of-ann"
    assert door.get("variables/none").status == 404
    assert door.get("variables/none")["detail"]["message"] == "Variable with key 'none' not found"
    configure(tenant, LEDGER, vault(bao, "alpha"))
    assert running_try(tenant).door().get("variables/both")["value"] == "ledger"


def test_rotated_in_vault_the_next_task_has_it(tenant: Tenant, bao: Bao) -> None:
    """And one attempt asks once: what it was told stays for it."""
    configure(tenant, vault(bao, "alpha"), LEDGER)
    bao.put("alpha", "variables/k", value="old")
    first = running_try(tenant)
    assert first.door().get("variables/k")["value"] == "old"
    bao.put("alpha", "variables/k", value="new")
    assert first.door().get("variables/k")["value"] == "old", "resolved once per attempt"
    assert running_try(tenant).door().get("variables/k")["value"] == "new"


def test_tenants_ask_their_own_stores(tenant: Tenant, other_tenant: Tenant, bao: Bao) -> None:
    configure(tenant, vault(bao, "alpha"))
    configure(other_tenant, vault(bao, "omega"))
    bao.put("alpha", "variables/k", value="mine")
    bao.put("omega", "variables/k", value="theirs")
    assert running_try(tenant).door().get("variables/k")["value"] == "mine"
    assert running_try(other_tenant).door().get("variables/k")["value"] == "theirs"


def test_sealed_is_told_and_nothing_else_is_asked(tenant: Tenant, other_tenant: Tenant, bao: Bao) -> None:
    configure(tenant, vault(bao, "alpha"), LEDGER)
    put(tenant, "k", "of the ledger")
    put(other_tenant, "k", "theirs")
    bao.put("alpha", "variables/k", value="v")
    bao.seal()
    door = running_try(tenant).door()
    answer = door.get("variables/k")
    assert answer.status == 503
    assert answer["detail"]["reason"] == "secret-store-sealed"
    assert "'main'" in answer["detail"]["message"]
    assert "ledger" not in str(answer.body), "never what a weaker store would have said"
    assert running_try(other_tenant).door().get("variables/k")["value"] == "theirs"
    bao.unseal()
    assert door.get("variables/k")["value"] == "v"


@pytest.mark.parametrize("how", ["down", "paused"])
def test_away_within_the_bound(tenant: Tenant, bao: Bao, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = BoundedAsking(seconds=0.5)
    monkeypatch.setattr(chain, "_asking", lambda: asking)
    configure(tenant, vault(bao, "alpha"), LEDGER)
    put(tenant, "k", "of the ledger")
    door = running_try(tenant).door()
    bao.kill() if how == "down" else bao.pause()
    answer = door.get("variables/k")
    assert answer.status == 503
    expected = {"down": "secret-store-unreachable", "paused": "secret-store-slow"}[how]
    assert answer["detail"]["reason"] == expected


def test_no_transaction_waits_for_a_store(tenant: Tenant, bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Watching(BoundedAsking):
        def ask(self, *arguments: Any, **keywords: Any) -> Any:
            seen.append(links["default"].in_atomic_block)
            return super().ask(*arguments, **keywords)

    watching = Watching()
    monkeypatch.setattr(chain, "_asking", lambda: watching)
    configure(tenant, vault(bao, "alpha"), LEDGER)
    bao.put("alpha", "variables/k", value="v")
    assert running_try(tenant).door().get("variables/k")["value"] == "v"
    assert seen == [False]


def test_only_what_is_declared(tenant: Tenant, bao: Bao) -> None:
    task = task_spec(
        "first", "second",
        secrets={"variables": ["found"]},
        executor_config={"secrets": {"variables": ["own", "team_*"], "connections": ["db"]}},
    )  # fmt: skip
    made = dag_spec(
        "example", [task, task_spec("second")], default_args={"secrets": {"variables": ["dag_wide"]}}
    )
    attempt = running_try(tenant, parsed_dag(tenant, made))
    configure(tenant, LEDGER, declared_only=True)
    for key in ("found", "own", "team_a", "dag_wide", "other"):
        put(tenant, key, "v")
    door = attempt.door()
    for key in ("found", "own", "team_a", "dag_wide"):
        assert door.get(f"variables/{key}").status == 200, key
    refused = door.get("variables/other")
    assert (refused.status, refused["detail"]["reason"]) == (403, "not_declared")
    assert "executor_config={'secrets': {'variables': ['other']}}" in refused["detail"]["message"]
    assert door.get("connections/db").status == 404
    assert door.get("connections/other").status == 403
    absent = door.get("variables/nowhere")
    assert absent["detail"]["message"] == refused["detail"]["message"].replace("other", "nowhere"), (
        "whether it exists is not told"
    )
    listed = door.get("variables/keys").body
    assert listed == {"keys": ["dag_wide", "found", "own", "team_a"], "total_entries": 4}
    assert door.get("variables/keys", {"prefix": "o"}).body == {"keys": ["own"], "total_entries": 1}
    configure(tenant, LEDGER, declared_only=False)
    assert door.get("variables/other")["value"] == "v", "the control"
    assert door.get("variables/keys")["total_entries"] == 5


def test_keys_of_a_store_that_is_not_in_the_chain_are_not_told(tenant: Tenant, bao: Bao) -> None:
    put(tenant, "ours", "v")
    configure(tenant, vault(bao, "alpha"))
    assert running_try(tenant).door().get("variables/keys").body == {"keys": [], "total_entries": 0}


def test_every_read_is_on_the_chain_of_the_tenant(tenant: Tenant, bao: Bao) -> None:
    configure(tenant, vault(bao, "alpha"), LEDGER)
    bao.put("alpha", "variables/k", value="s3cret-of-vault")
    put(tenant, "ours", "s3cret-of-ledger")
    attempt: Try = running_try(tenant)
    for key in ("k", "ours", "absent"):
        attempt.door().get(f"variables/{key}")
    found = reads(tenant)
    assert [row["target"] for row in found] == ["variable:k", "variable:ours", "variable:absent"]
    for row, words in zip(found, (("main", "read"), ("embedded", "read"), ("absent",)), strict=True):
        assert all(word in row["all"] for word in (*words, "example", "first", "try_number"))
    assert "s3cret" not in str(found)


def test_failures_and_refusals_are_audited_too(tenant: Tenant, bao: Bao) -> None:
    configure(tenant, vault(bao, "alpha") | {"credentials": {"secret_id": "wrong-one"}}, declared_only=True)
    attempt = running_try(tenant)
    assert attempt.door().get("variables/k").status == 403
    configure(tenant, vault(bao, "alpha") | {"credentials": {"secret_id": "wrong-one"}})
    assert attempt.door().get("variables/k").status == 503
    refused, failed = reads(tenant)
    assert "not-declared" in refused["all"]
    assert "secret-store-denied" in failed["all"]
    assert "wrong-one" not in str([refused, failed])
