"""Assets in the ledger: what DAGs say of them, their events, and what waits for those.

Every writer but the scheduler takes the tenant's one lock first (`lock_assets`), as the last lock of its
transaction: events are numbered and timed in the order in which they become visible. The scheduler only takes
from the queue that they fill.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute


@dataclass(frozen=True, slots=True)
class Emission:
    """One update of one asset. `ti` is the successful attempt it comes from, None when a person or watcher says it.

    `aliases`: through which it was emitted; the asset need not be active, and is made when it does not exist.
    """

    name: str
    uri: str
    extra: dict[str, Any] = field(default_factory=dict)
    ti: UUID | None = None
    partition_key: str | None = None
    aliases: tuple[str, ...] = ()
    asset_extra: dict[str, Any] = field(default_factory=dict)
    needs_active: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """`place` is that of the emission in its list."""

    place: int
    id: UUID
    serial: int
    timestamp: datetime


def lock_assets(*, using: str = "default") -> None:
    """Nobody else writes assets or events of this tenant until the transaction ends."""
    execute("ledger/sql/lock_assets.sql", using=using)


def store_assets(
    *, assets: Iterable[dict[str, Any]], overwrite: bool, now: datetime, using: str = "default"
) -> list[tuple[str, str]]:
    """{name, uri, group, extra} exist afterwards; returns (name, uri) of those that are new."""
    rows = _json([{"n": place, **one} for place, one in enumerate(assets)])
    found = execute("ledger/sql/store_assets.sql", using=using, assets=rows, overwrite=overwrite, now=now)
    return [(row[0], row[1]) for row in found]


def store_aliases(*, aliases: dict[str, str], overwrite: bool, using: str = "default") -> None:
    """Aliases (name -> group) exist afterwards."""
    execute(
        "ledger/sql/store_asset_aliases.sql",
        using=using,
        names=list(aliases),
        groups=list(aliases.values()),
        overwrite=overwrite,
    )


def store_references(
    *, dags: Sequence[UUID], references: list[dict[str, Any]], now: datetime, using: str = "default"
) -> bool:
    """These DAGs refer to exactly this, stale ones to nothing; True when something changed."""
    changed = execute(
        "ledger/sql/store_asset_references.sql",
        using=using,
        dags=list(dags),
        references=_json(references),
        now=now,
    )
    return bool(changed)


def orphan_assets(*, now: datetime, using: str = "default") -> None:
    """Assets that nobody refers to are not active any more."""
    execute("ledger/sql/orphan_assets.sql", using=using, now=now)


def activate_assets(*, now: datetime, using: str = "default") -> None:
    """Assets that somebody refers to are active, one per name and per URI."""
    while execute("ledger/sql/activate_assets.sql", using=using, now=now):
        pass


def resolve_outlets(
    *, names: Sequence[str], uris: Sequence[str], using: str = "default"
) -> list[tuple[str, str]]:
    """(name, uri) of the active assets that these names or URIs mean."""
    rows = execute("ledger/sql/read_outlets.sql", using=using, names=list(names), uris=list(uris))
    return [(row[0], row[1]) for row in rows]


def record_events(*, emissions: Sequence[Emission], now: datetime, using: str = "default") -> list[Recorded]:
    """Store events and queue them for the DAGs that wait; the caller notifies. The tenant's assets are locked."""
    resolved = [one for one in emissions if one.aliases]
    if resolved:
        _resolve(resolved, now, using)
    rows = [
        {
            "n": place,
            "ti": one.ti,
            "name": one.name,
            "uri": one.uri,
            "extra": one.extra,
            "partition_key": one.partition_key,
            "aliases": one.aliases,
            "needs_active": one.needs_active and not one.aliases,
        }
        for place, one in enumerate(emissions)
    ]
    found = execute("ledger/sql/record_asset_events.sql", using=using, events=_json(rows), now=now)
    return [Recorded(*row) for row in found]


def wake_dags(*, dag_ids: Sequence[str], now: datetime, using: str = "default") -> bool:
    """Those of these DAGs that wait with events are looked at; whether there is one."""
    return bool(execute("ledger/sql/wake_asset_dags.sql", using=using, dag_ids=list(dag_ids), now=now))


def wake_watchers(*, dag_ids: Sequence[str], now: datetime, using: str = "default") -> None:
    """The tenant's asset watchers are looked at, if these DAGs have to do with any."""
    execute("ledger/sql/wake_watchers.sql", using=using, dag_ids=list(dag_ids), now=now)


@dataclass(frozen=True, slots=True)
class WaitingDag:
    """A DAG that waits for assets, locked. `taken`: its runs that run or wait to run."""

    id: UUID
    dag_id: str
    is_paused: bool
    is_stale: bool
    has_import_errors: bool
    max_active_runs: int
    taken: int
    version: UUID | None
    bundle: UUID | None
    runtime_digest: str
    timetable: dict[str, Any] | None
    catchup: bool


@dataclass(frozen=True, slots=True)
class Queued:
    """An event that a DAG waits with."""

    dag: UUID
    id: UUID
    asset: UUID
    name: str
    uri: str
    is_active: bool
    event: UUID
    partition_key: str | None
    partition_date: datetime | None
    at: datetime
    source_dag_id: str | None
    source_task_id: str | None
    source_run_id: str | None
    source_map_index: int | None


def lock_waiting_dags(*, dags: Sequence[UUID], using: str) -> list[WaitingDag]:
    """These DAGs in id order, locked until the transaction ends."""
    return [
        WaitingDag(*row) for row in execute("ledger/sql/read_asset_dags.sql", using=using, dags=list(dags))
    ]


def read_queue(*, dags: Sequence[UUID], most: int, using: str) -> list[Queued]:
    """The events that these DAGs wait with, of each the oldest `most`."""
    rows = execute("ledger/sql/read_asset_queue.sql", using=using, dags=list(dags), most=most)
    return [Queued(*row) for row in rows]


def drop_queue(*, queued: Sequence[UUID], using: str) -> None:
    """These queued events are taken, or nobody waits for them."""
    execute("ledger/sql/drop_asset_queue.sql", using=using, queued=list(queued))


def resolve_names(
    *, aliases: Sequence[str], names: Sequence[str], uris: Sequence[str], using: str
) -> list[tuple[str, str, str, str]]:
    """(`alias`, `name` or `uri`; what was asked; name; URI) of what these mean just now."""
    rows = execute(
        "ledger/sql/resolve_asset_names.sql",
        using=using,
        aliases=list(aliases),
        names=list(names),
        uris=list(uris),
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def consume_events(
    *, runs: Sequence[tuple[WaitingDag, UUID, datetime]], queued: Sequence[UUID], using: str
) -> None:
    """New runs (DAG, run row, the instant that brought it about) consume what came until then."""
    rows: list[dict[str, Any]] = [
        {"dag": dag.id, "dag_id": dag.dag_id, "run": run, "triggered_at": at, "catchup": dag.catchup}
        for dag, run, at in runs
    ]
    execute("ledger/sql/consume_asset_events.sql", using=using, runs=_json(rows), queued=list(queued))


def _resolve(emissions: Sequence[Emission], now: datetime, using: str) -> None:
    """The assets and aliases of these events exist, and are linked."""
    made = store_assets(
        assets=[
            {"name": one.name, "uri": one.uri, "group": "asset", "extra": one.asset_extra}
            for one in emissions
        ],
        overwrite=False,
        now=now,
        using=using,
    )
    store_aliases(
        aliases={alias: "" for one in emissions for alias in one.aliases}, overwrite=False, using=using
    )
    pairs = [(alias, one.name, one.uri) for one in emissions for alias in one.aliases]
    linked = execute(
        "ledger/sql/link_asset_aliases.sql",
        using=using,
        aliases=[pair[0] for pair in pairs],
        names=[pair[1] for pair in pairs],
        uris=[pair[2] for pair in pairs],
    )
    if made or linked:
        activate_assets(now=now, using=using)


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
