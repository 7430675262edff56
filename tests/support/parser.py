"""Stands in for scheduler and agent: whatever is published is parsed at once, as the test says it parses."""

from __future__ import annotations

import contextlib
import select
import threading
from collections.abc import Iterator
from uuid import UUID

from django.db import connections

from controlplane.dagprocessor.dispatch import dispatch_parse
from controlplane.dagprocessor.store import store_report
from controlplane.dagprocessor.workload import parse_workload
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import listening
from controlplane.ledger.models.bundle_version import BundleVersion
from taskwire.parsing import FileParse
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import make_runtime_ready, report_for


class Parser:
    """`told`: path -> what the file gives. `ordered`: the paths of every order, in turn."""

    def __init__(self) -> None:
        self.told: dict[str, FileParse] = {}
        self.ordered: list[list[str]] = []

    def work(self, tenant_id: UUID) -> None:
        """Parse what the tenant has received."""
        tenant = Tenant.objects.using("auth").get(id=tenant_id)
        with tenant_scope(tenant_id):
            received = list(BundleVersion.objects.filter(state="received").order_by("id"))
        for bundle in received:
            make_runtime_ready(tenant, bundle)
            with tenant_scope(tenant_id):
                if dispatch_parse(bundle_id=bundle.id, now=utc_now()) is None:
                    self.ordered.append([])
                    continue
                bundle.refresh_from_db()
                order = parse_workload(bundle=bundle).parse
                assert order is not None
            self.ordered.append(order.paths)
            report = report_for(
                bundle, *(self.told.get(path, FileParse(path=path, sha256="")) for path in order.paths)
            )
            with tenant_scope(tenant_id):
                store_report(bundle_id=bundle.id, report=report, now=utc_now())


@contextlib.contextmanager
def parsing() -> Iterator[Parser]:
    """A parser at work in a thread of its own until the block ends."""
    parser = Parser()
    ended, ready = threading.Event(), threading.Event()

    def loop() -> None:
        try:
            with listening("work") as link:
                ready.set()
                while not ended.is_set():
                    select.select([link.fileno()], [], [], 0.1)
                    link.poll()
                    tenants = {UUID(notice.payload) for notice in link.notifies}
                    link.notifies.clear()
                    for tenant_id in tenants:
                        parser.work(tenant_id)
        finally:
            connections.close_all()

    thread = threading.Thread(target=loop)
    thread.start()
    assert ready.wait(10)
    try:
        yield parser
    finally:
        ended.set()
        thread.join()
