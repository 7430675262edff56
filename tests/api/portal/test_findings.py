"""GET /tenants/{slug}/findings: the newest parsed version's, filtered and counted; a stranger sees no tenant."""

from __future__ import annotations

import pytest

from controlplane.dagprocessor.store import store_report
from controlplane.foundation.clock import utc_now
from taskwire.parsing import Finding
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.bundles import dag_file, make_runtime_ready, parsed, publish_files, report_for
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)


def deploy(tenant: Tenant, *findings: Finding) -> str:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a") + str(len(findings)).encode()})
    make_runtime_ready(tenant, bundle)
    told = parsed("dags/a.py", chain("a", 1))
    told.findings = list(findings)
    with tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report_for(bundle, told), now=utc_now())
    return str(bundle.id)


def shim(what: str, line: int, **fields: str) -> Finding:
    return Finding(
        code=f"AERO-SHIM-{what}", message=what, path="dags/a.py", line=line, hint="modern", **fields
    )


def test_before_the_first_push_there_are_none(tenant: Tenant, viewer: Actor) -> None:
    listed = viewer.portal().get("/tenants/alpha/findings")
    assert (listed["bundle_id"], listed["findings"], listed["total_entries"]) == (None, [], 0)


def test_they_are_those_of_the_newest_parsed_version(tenant: Tenant, viewer: Actor) -> None:
    deploy(tenant, shim("sla", 1))
    warned = Finding(code="AERO-WARN-X", message="x", path="dags/a.py", severity="info")
    newest = deploy(tenant, shim("import", 9), warned, shim("import", 3))
    listed = viewer.portal().get("/tenants/alpha/findings")
    assert listed["bundle_id"] == newest
    assert [(each["code"], each["line"]) for each in listed["findings"]] == [
        ("AERO-WARN-X", 0),
        ("AERO-SHIM-import", 3),
        ("AERO-SHIM-import", 9),
    ]
    assert listed["findings"][1] == {
        "code": "AERO-SHIM-import",
        "message": "import",
        "path": "dags/a.py",
        "line": 3,
        "hint": "modern",
        "severity": "warning",
    }
    assert listed["counts"] == [{"code": "AERO-SHIM-import", "count": 2}, {"code": "AERO-WARN-X", "count": 1}]


def test_filters_and_pages(tenant: Tenant, viewer: Actor) -> None:
    deploy(tenant, shim("import", 9), shim("sla", 3, severity="error"))
    ask = viewer.portal().get
    assert [each["line"] for each in ask("/tenants/alpha/findings?code=AERO-SHIM-sla")["findings"]] == [3]
    assert ask("/tenants/alpha/findings?code=AIR")["total_entries"] == 0
    assert [each["line"] for each in ask("/tenants/alpha/findings?severity=warning")["findings"]] == [9]
    assert ask("/tenants/alpha/findings?path=dags/b.py")["findings"] == []
    paged = viewer.portal().following(ask("/tenants/alpha/findings?limit=1"))
    assert ([each["line"] for each in paged["findings"]], paged["total_entries"]) == ([9], 2)
    assert ask("/tenants/alpha/findings?limit=0").status == 422


def test_a_stranger_finds_no_tenant(tenant: Tenant, stranger: Actor) -> None:
    deploy(tenant, shim("sla", 3))
    assert stranger.portal().get("/tenants/alpha/findings").status == 404
    assert stranger.portal().get(f"/tenants/{stranger.tenant.slug}/findings")["findings"] == []
