"""The process dies while it stores a report: before the commit nothing is there, after it everything is."""

from __future__ import annotations

import signal
import subprocess
import sys

import msgspec
import pytest

from controlplane.dagprocessor.store import store_report
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, make_runtime_ready, parsed, publish_files, report_for
from tests.support.specs import chain
from tests.support.web_server import child_environment

pytestmark = pytest.mark.django_db(transaction=True)
STORE = """
import sys, django
django.setup()
import msgspec
from controlplane.dagprocessor.store import store_report
from controlplane.foundation.clock import utc_now
from taskwire.parsing import ParseReport
from tenants.scope import tenant_scope
report = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=ParseReport)
with tenant_scope(sys.argv[1]):
    store_report(bundle_id=sys.argv[2], report=report, now=utc_now())
"""


@pytest.mark.parametrize(("point", "stored"), [("before_commit", False), ("after_commit", True)])
def test_a_report_is_stored_whole_or_not_at_all(tenant: Tenant, point: str, stored: bool) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    make_runtime_ready(tenant, bundle)
    report = report_for(bundle, parsed("dags/a.py", chain("a", 2)))
    done = subprocess.run(
        [sys.executable, "-c", STORE, str(tenant.id), str(bundle.id)],
        input=msgspec.msgpack.encode(report),
        env=child_environment(AERODROME_CRASH=f"dagprocessor.store.{point}"),
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with tenant_scope(tenant.id):
        assert Dag.objects.exists() is stored
        assert BundleVersion.objects.get().state == ("parsed" if stored else "received")
        store_report(bundle_id=bundle.id, report=report, now=utc_now())
        assert BundleVersion.objects.get().state == "parsed"
        assert Dag.objects.count() == 1
