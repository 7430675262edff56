"""What DAGs that wait for assets have in common: whether they may run, what they wait for, what their runs are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from controlplane.ledger import assets
from controlplane.ledger.assets import WaitingDag
from controlplane.ledger.transitions import NewRun
from domain.assets import Condition, Known, leaves
from domain.ids import random_suffix, run_id_for


def kind_of(dag: WaitingDag) -> str:
    """The kind of its timetable."""
    return str((dag.timetable or {}).get("kind"))


def may_run(dag: WaitingDag) -> bool:
    """Whether the DAG may have one run more now."""
    return (
        not dag.is_paused
        and not dag.is_stale
        and not dag.has_import_errors
        and dag.bundle is not None
        and dag.taken < dag.max_active_runs
    )


def condition_of(dag: WaitingDag) -> Condition | None:
    """What the DAG waits for."""
    condition = (dag.timetable or {}).get("condition")
    return condition if isinstance(condition, Mapping) else None


def known_of(conditions: Sequence[Condition | None], using: str) -> Known:
    """What aliases and references in these conditions mean just now; asks nothing when there are none."""
    aliases: set[str] = set()
    names: set[str] = set()
    uris: set[str] = set()
    for condition in conditions:
        for leaf in leaves(condition):
            if leaf.get("type") == "alias":
                aliases.add(str(leaf.get("name")))
            elif leaf.get("type") == "ref":
                (names if leaf.get("name") else uris).add(str(leaf.get("name") or leaf.get("uri")))
    if not (aliases or names or uris):
        return Known()
    found: dict[str, Any] = {"alias": defaultdict(set), "name": {}, "uri": {}}
    for kind, asked, name, uri in assets.resolve_names(
        aliases=sorted(aliases), names=sorted(names), uris=sorted(uris), using=using
    ):
        if kind == "alias":
            found["alias"][asked].add((name, uri))
        else:
            found[kind][asked] = (name, uri)
    return Known(aliases=found["alias"], names=found["name"], uris=found["uri"])


def new_run(
    dag: WaitingDag,
    *,
    run_after: datetime,
    partition_key: str | None = None,
    partition_date: datetime | None = None,
) -> NewRun:
    """A run that assets ask for, of the DAG's current version."""
    assert dag.version is not None and dag.bundle is not None
    return NewRun(
        dag_id=dag.dag_id,
        run_id=run_id_for(run_type="asset_triggered", run_after=run_after, suffix=random_suffix()),
        run_type="asset_triggered",
        logical_date=None,
        interval_start=None,
        interval_end=None,
        run_after=run_after,
        conf=None,
        triggered_by="asset",
        user=None,
        note=None,
        partition_key=partition_key,
        partition_date=partition_date,
        dag_version=dag.version,
        bundle_version=dag.bundle,
        runtime_digest=dag.runtime_digest,
    )
