"""Waiting for a version to be over: heard at once, bounded in time and in number, blind for strangers."""

from __future__ import annotations

import pytest

from controlplane.bundles.status import MOST_WATCHERS, watch
from controlplane.dagprocessor.dispatch import fail_parse
from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, publish_files

pytestmark = pytest.mark.django_db(transaction=True)
FILES = {"dags/a.py": dag_file("a")}


def test_a_change_is_heard(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    looks = watch(tenant_id=tenant.id, bundle_id=bundle.id, seconds=30)
    assert next(looks).state == "received"
    with tenant_scope(tenant.id):
        fail_parse(bundle_id=bundle.id, reason="no agent", now=utc_now())
    assert [look.state for look in looks] == ["failed"]


def test_the_wait_ends(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    for seconds in (0, 0.05):
        looks = list(watch(tenant_id=tenant.id, bundle_id=bundle.id, seconds=seconds))
        assert [look.state for look in looks] == ["received"]


def test_only_so_many_wait_in_one_process(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    waiting = [watch(tenant_id=tenant.id, bundle_id=bundle.id, seconds=60) for _ in range(MOST_WATCHERS)]
    for each in waiting:
        next(each)
    assert len(list(watch(tenant_id=tenant.id, bundle_id=bundle.id, seconds=60))) == 1
    for each in waiting:
        each.close()  # type: ignore[attr-defined]
    again = watch(tenant_id=tenant.id, bundle_id=bundle.id, seconds=60)
    next(again)
    with tenant_scope(tenant.id):
        fail_parse(bundle_id=bundle.id, reason="no agent", now=utc_now())
    assert [look.state for look in again] == ["failed"]


def test_a_stranger_sees_no_version(tenant: Tenant, other_tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    assert list(watch(tenant_id=other_tenant.id, bundle_id=bundle.id, seconds=30)) == []
