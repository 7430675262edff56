"""A secret store that fails a task is told of where a rule wants it, by its code and never by a value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from controlplane.alerts import weigh
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.alert_signal import AlertSignal
from controlplane.secrets import chain
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.api.execution.test_secret_chain_reads import configure, vault
from tests.support.attempts import running_try
from tests.support.bao import LOOPBACK, Bao


@pytest.fixture(autouse=True)
def loopback(database: None) -> Iterator[None]:
    chain._asking.cache_clear()
    chain._kept.cache_clear()
    chain._sources.clear()
    with override_settings(SECRET_NETWORKS=LOOPBACK):
        yield


def test_a_sealed_store_pages_where_a_rule_wants_it(tenant: Tenant, bao: Bao) -> None:
    configure(tenant, vault(bao, "alpha"))
    bao.put("alpha", "variables/k", value="hunter2")
    bao.seal()
    assert running_try(tenant).door().get("variables/k").status == 503
    with tenant_scope(tenant.id):
        assert not AlertSignal.objects.exists(), "nobody wants it"
        now = utc_now()
        AlertRule(tenant=tenant, name="secrets", kind="secret_failed", created_at=now, updated_at=now).save()
    assert running_try(tenant).door().get("variables/k").status == 503
    with tenant_scope(tenant.id):
        weigh.signals_due(ref=None, now=utc_now(), using="default")
        [alert] = Alert.objects.all()
    assert (alert.severity, alert.cause) == ("page", "main: secret-store-sealed")
    assert alert.items[0]["what"] == "the secret could not be had: variable k"
    bao.unseal()
