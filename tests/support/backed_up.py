"""In a process of its own, on the database of its environment: `make SLUG...` puts real data there, `change SLUG`
changes some, `read` tells it.

A tenant with a finished run, a sealed Variable, a log, a large XCom, an artefact, a Git commit and a signed audit chain.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def make(slug: str) -> None:
    from django.conf import settings

    from controlplane.bundles.repository import open_repository
    from controlplane.execution import logs
    from controlplane.execution.large_xcoms import place
    from controlplane.foundation.clock import utc_now
    from controlplane.ledger.furnish import furnish_tenant
    from controlplane.ledger.models.task_instance import TaskInstance
    from controlplane.ledger.models.xcom import XCom
    from controlplane.secrets import variables
    from tenants.provision import provision_tenant
    from tenants.scope import tenant_scope
    from tests.support.bundles import publish_files
    from tests.support.factories import make_person, parsed_dag
    from tests.support.walk import walk_for

    tenant = provision_tenant(
        slug=slug, name=slug, owner=make_person(f"owner-{slug}"), now=utc_now(), furnish=furnish_tenant
    ).tenant
    bundle = publish_files(tenant, {"dags/example.py": b"# %s\n" % slug.encode()})
    dag = parsed_dag(tenant, bundle=bundle)
    walk = walk_for(tenant, name=f"agent-{slug}")
    run = walk.trigger(dag.dag_id, run_id="finished")
    walk.run_all()
    text = json.dumps("x" * settings.XCOM_INLINE_BYTES + slug)
    with tenant_scope(tenant.id):
        variables.put(key="password", value=f"secret of {slug}", description=None, now=utc_now())
        task = TaskInstance.objects.filter(dag_run_id=run.id).order_by("task_index")[0]
        _, kept_as = place(key="large", text=text, tenant_id=tenant.id)
        XCom(
            tenant=tenant, dag_run_id=run.id, dag_id=dag.dag_id, run_id=run.run_id, task_id=task.task_id,
            key="large", kept_as=kept_as, timestamp=utc_now(),
        ).save(force_insert=True)  # fmt: skip
    key = logs.log_key(
        tenant_id=tenant.id,
        dag_id=dag.dag_id,
        run_id=run.run_id,
        task_id=task.task_id,
        map_index=-1,
        try_number=1,
    )
    logs.append(key=key, offset=0, data=f"log of {slug}\n".encode())
    repository = open_repository(tenant_id=tenant.id)
    tree = _git(repository, "mktree", said="")
    commit = _git(repository, "commit-tree", tree, "-m", slug)
    _git(repository, "update-ref", "refs/heads/main", commit)
    _sign(tenant.id)


def change(slug: str) -> None:
    """What a restore takes back: another secret, one more run."""
    from controlplane.foundation.clock import utc_now
    from controlplane.secrets import variables
    from tenants.models.tenant import Tenant
    from tenants.scope import tenant_scope
    from tests.support.walk import walk_for

    tenant = Tenant.objects.using("auth").get(slug=slug)
    walk_for(tenant, name=f"changer-{slug}").trigger("example", run_id="later")
    with tenant_scope(tenant.id):
        variables.put(key="password", value="changed", description=None, now=utc_now())


def _git(repository: Path, *arguments: str, said: str = "") -> str:
    person = {
        f"GIT_{who}_{what}": "somebody@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "--git-dir", str(repository), *arguments], input=said, text=True, capture_output=True, check=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", **person},
    )  # fmt: skip
    return done.stdout.strip()


def _sign(tenant_id: Any) -> None:
    from controlplane.foundation.clock import utc_now
    from tenants.audit.chains import checkpoint_store
    from tenants.audit.sign_chain import sign_chain

    sign_chain(chain=tenant_id, now=utc_now(), store=checkpoint_store(), every_seconds=0)


def read() -> dict[str, Any]:
    """slug -> what there is of it, in clear."""
    from django.conf import settings

    from controlplane.bundles.artefact import read_files
    from controlplane.bundles.repository import repository_path
    from controlplane.execution.large_xcoms import value_of
    from controlplane.ledger.models.bundle_version import BundleVersion
    from controlplane.ledger.models.dag_run import DagRun
    from controlplane.ledger.models.task_instance import TaskInstance
    from controlplane.ledger.models.xcom import XCom
    from controlplane.secrets import variables
    from tenants.audit.chains import checkpoint_store, verify
    from tenants.models.tenant import Tenant
    from tenants.scope import tenant_scope

    found = {}
    for tenant in Tenant.objects.using("auth").order_by("slug"):
        verdict = verify(tenant.id, store=checkpoint_store())
        with tenant_scope(tenant.id):
            runs = {run.run_id: run.state for run in DagRun.objects.order_by("run_id")}
            tasks = sorted(TaskInstance.objects.values_list("run_id", "task_id", "state"))
            secret = variables.get("password")
            large = [
                value_of(value=row.value, kept_as=row.kept_as) for row in XCom.objects.filter(key="large")
            ]
            digest = BundleVersion.objects.values_list("digest", flat=True)[0]
        logs = sorted((Path(settings.STORE_DIR) / "logs" / str(tenant.id)).rglob("*.log"))
        head = _git(repository_path(tenant_id=tenant.id), "log", "-1", "--format=%s", "main")
        found[tenant.slug] = {
            "id": str(tenant.id),
            "runs": runs,
            "tasks": tasks,
            "secret": secret,
            "large": [len(value) for value in large],
            "logs": [path.read_text() for path in logs],
            "files": {path: text.decode() for path, text in _files(read_files, digest).items()},
            "git": head,
            "audit": [verdict.holds, verdict.rows, verdict.signed],
        }
    return found


def _files(read_files: Any, digest: str) -> dict[str, bytes]:
    return dict(read_files(digest=digest, paths=["dags/example.py"]))


if __name__ == "__main__":
    import django

    django.setup()
    for slug in sys.argv[2:]:
        {"make": make, "change": change}[sys.argv[1]](slug)
    print(json.dumps(read()))
