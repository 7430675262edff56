"""A tenant's limit on DAGs and on the size of a bundle: what is over is named, what was there stays."""

from __future__ import annotations

import pytest

from controlplane.bundles.limits import configured_limits
from controlplane.bundles.tenant_limits import limits_for
from controlplane.dagprocessor.store import store_report
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.import_error import ImportError as ImportErrorRow
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.bundles import dag_file, make_runtime_ready, parsed, publish_files, report_for
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db(transaction=True)


def _plan(**limits: object) -> None:
    put_plan(name="small", title="", limits=limits, prices={}, is_default=True, by="op", now=utc_now())


def _push(tenant: Tenant, *names: str) -> None:
    paths = {name: f"dags/{name}.py" for name in names}
    bundle = publish_files(tenant, {path: dag_file(name) for name, path in paths.items()})
    make_runtime_ready(tenant, bundle)
    told = [parsed(path, specs.dag(name, [specs.task("t")])) for name, path in paths.items()]
    with tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report_for(bundle, *told), now=utc_now())


def _there(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return sorted(Dag.objects.filter(is_stale=False).values_list("dag_id", flat=True))


def test_new_dags_come_in_until_the_limit(tenant: Tenant) -> None:
    _plan(dags=2)
    _push(tenant, "m", "z")
    _push(tenant, "a", "m", "z")
    assert _there(tenant) == ["m", "z"], "what is there stays, whatever its name"
    with tenant_scope(tenant.id):
        [error] = ImportErrorRow.objects.all()
    assert error.filename == "dags/a.py"
    assert "dag_id 'a' is not taken: the tenant may have 2 DAGs." in error.stacktrace
    _push(tenant, "a", "z")
    assert _there(tenant) == ["a", "z"], "one gave place"
    with tenant_scope(tenant.id):
        assert not ImportErrorRow.objects.exists()


def test_a_limit_that_was_lowered_takes_nothing_away(tenant: Tenant) -> None:
    _push(tenant, "a", "b", "c")
    _plan(dags=1)
    _push(tenant, "a", "b", "c", "d")
    assert _there(tenant) == ["a", "b", "c"]


def test_the_smaller_of_the_tenants_and_the_installations_size(tenant: Tenant, other_tenant: Tenant) -> None:
    ours = configured_limits()
    assert limits_for(tenant_id=tenant.id) == ours
    _plan(bundle_bytes=5000)
    assert limits_for(tenant_id=tenant.id).total_bytes == 5000
    _plan(bundle_bytes=ours.total_bytes + 1)
    assert limits_for(tenant_id=tenant.id).total_bytes == ours.total_bytes


def test_a_task_is_given_its_tenants_memory_and_log(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    walk.trigger("d")
    walk.schedule()
    [work] = walk.claim()
    assert (work.limits.memory_bytes, work.limits.log_bytes) == (None, None)
    _plan(task_memory_mib=256, log_bytes=8192, task_cpu_millis=500)
    walk.trigger("d")
    walk.schedule()
    [work] = walk.claim()
    limits = work.limits
    assert (limits.memory_bytes, limits.log_bytes, limits.cpu_millis) == (256 * 2**20, 8192, 500)
