"""Makes what a test needs by walking the flow, as the application's own roles.

published_bundle() -> parsed_dag() -> created_run() -> put_states(). Each takes the tenant first and opens its
scope by itself; the rows of earlier steps are made when they are not given.
"""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime
from typing import Any

from controlplane.foundation.clock import utc_now
from controlplane.ledger.furnish import furnish_tenant
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.provision import provision_tenant
from tenants.scope import tenant_scope
from tests.support.dag_rows import store_dag
from tests.support.specs import chain

_numbers = itertools.count(1)


def make_person(username: str | None = None, password: str | None = None) -> User:
    """An account; without a password it signs in by no password, which is quicker to make."""
    username = username or f"person-{next(_numbers)}"
    return User.objects.create_user(username=username, email=f"{username}@example.com", password=password)


def make_tenant(slug: str | None = None) -> Tenant:
    """Provisioned as the portal does it, with an owner of its own."""
    slug = slug or f"tenant-{next(_numbers)}"
    made = provision_tenant(
        slug=slug,
        name=slug.title(),
        owner=make_person(),
        now=utc_now(),
        furnish=furnish_tenant,
    )
    return made.tenant


def make_member(*, tenant: Tenant, role: str, user: User | None = None) -> User:
    """A person with that role in the tenant."""
    user = user or make_person(f"{role.lower()}-{next(_numbers)}")
    Membership(tenant=tenant, user=user, role=role).save(using="auth", force_insert=True)
    return user


def ready_runtime(tenant: Tenant) -> Runtime:
    """The tenant's built runtime."""
    with tenant_scope(tenant.id):
        found, _ = Runtime.objects.get_or_create(
            tenant=tenant,
            digest=hashlib.sha256(b"runtime").hexdigest(),
            defaults={
                "airflow": "3.3.2",
                "python": "3.11",
                "state": "ready",
                "created_at": utc_now(),
                "ready_at": utc_now(),
            },
        )
    return found


def published_bundle(tenant: Tenant, files: dict[str, str] | None = None, **fields: Any) -> BundleVersion:
    """A bundle version that is parsed. `files`: path -> text."""
    files = files if files is not None else {"dags/example.py": "# nothing yet\n"}
    runtime = ready_runtime(tenant)
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()}
    values: dict[str, Any] = {
        "digest": hashlib.sha256(f"{next(_numbers)}{digests}".encode()).hexdigest(),
        "commit_sha": hashlib.sha1(str(digests).encode()).hexdigest(),
        "branch": "main",
        "source": "git",
        "file_count": len(files),
        "byte_count": sum(len(text) for text in files.values()),
        "files": digests,
        "runtime": runtime,
        "state": "parsed",
        "created_at": utc_now(),
        "parsed_at": utc_now(),
    }
    with tenant_scope(tenant.id):
        row = BundleVersion(tenant=tenant, **{**values, **fields})
        row.save(force_insert=True)
    return row


def parsed_dag(
    tenant: Tenant,
    spec: dict[str, Any] | None = None,
    *,
    bundle: BundleVersion | None = None,
    source: str = "",
) -> Dag:
    """A DAG with this spec (a `DagSpec` as dict; by default a chain of two) as its newest version."""
    bundle = bundle or published_bundle(tenant)
    with tenant_scope(tenant.id):
        return store_dag(tenant=tenant, spec=spec or chain("example", 2), bundle=bundle, source=source)


def created_run(
    tenant: Tenant,
    dag: Dag | None = None,
    *,
    run_id: str | None = None,
    conf: dict[str, Any] | None = None,
    logical_date: datetime | None = None,
    **more: Any,
) -> DagRun:
    """A queued run of the DAG with its task rows, as somebody who triggers it gets it."""
    from controlplane.runs.trigger import trigger_run

    dag = dag or parsed_dag(tenant)
    with tenant_scope(tenant.id):
        return trigger_run(
            dag_id=dag.dag_id,
            run_id=run_id,
            logical_date=logical_date,
            run_after=more.pop("run_after", logical_date),
            conf=conf,
            note=more.pop("note", None),
            triggered_by=more.pop("triggered_by", "test"),
            user=more.pop("user", None),
            now=utc_now(),
            **more,
        )


def put_states(tenant: Tenant, run: DagRun, **states: str | None) -> dict[str, TaskInstance]:
    """Write task states straight into the rows (`first="success"`), for tests of what shows them; returns the
    run's task instances by task id. Tests of how states change must go through the ledger instead."""
    with tenant_scope(tenant.id):
        for task_id, state in states.items():
            times = {"start_date": utc_now(), "try_number": 1} if state not in (None, "scheduled") else {}
            if state in ("success", "failed"):
                times["end_date"] = utc_now()
            rows = TaskInstance.objects.filter(dag_run_id=run.id, task_id=task_id)
            assert rows.update(state=state, **times), f"run {run.run_id} has no task {task_id}"
        return {row.task_id: row for row in TaskInstance.objects.filter(dag_run_id=run.id)}
