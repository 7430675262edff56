"""How many DAGs the tenant may have: those that are there stay, new ones come in by name until the limit.

Called where a bundle's picture is drawn. What is over the limit is told like an import error of its file, so that
the push hears it, the portal shows it, and the DAGs beside it in the same file are not stopped by it.
"""

from __future__ import annotations

from dataclasses import replace

from controlplane.dagprocessor.merge import Picture
from controlplane.ledger.models.dag import Dag
from taskwire.parsing import ImportFailure
from tenants.limits.read import read_quota


def within_dag_limit(picture: Picture, *, using: str) -> Picture:
    """The picture without the DAGs that are one too many. In the tenant's scope."""
    limit = read_quota(using=using).value("dags")
    if limit is None or len(picture.accepted) <= limit:
        return picture
    there = set(
        Dag.objects.using(using)
        .filter(is_stale=False, dag_id__in=list(picture.accepted))
        .values_list("dag_id", flat=True)
    )
    # A limit that was lowered takes nothing away: what runs goes on.
    room = max(int(limit) - len(there), 0)
    fresh = sorted(dag_id for dag_id in picture.accepted if dag_id not in there)
    over = set(fresh[room:])
    if not over:
        return picture
    failures = {path: list(found) for path, found in picture.duplicates.items()}
    for dag_id in sorted(over):
        path = picture.accepted[dag_id]
        message = (
            f"dag_id {dag_id!r} is not taken: the tenant may have {int(limit)} DAGs. "
            "Remove others, or ask for a larger plan, and push again"
        )
        failures.setdefault(path, []).append(
            ImportFailure(path=path, message=message, stacktrace=message, kind="limit")
        )
    accepted = {dag_id: path for dag_id, path in picture.accepted.items() if dag_id not in over}
    return replace(picture, accepted=accepted, duplicates=failures)
