"""What a successful attempt says of assets: its outlets, and the events it emitted through them.

Read with the report, recorded in its transaction once the success is stored: exactly once per try. As in
Airflow, an outlet emits one event without being asked; events of assets that are no outlet are ignored; those
of an alias name their assets themselves, which need not exist before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.execution.storable import REPLACEMENT, NotStorable, json_text, plain_text
from controlplane.ledger import assets
from controlplane.ledger.assets import Emission
from domain.assets import Key, asset_refusal
from taskwire.dagspec import Struct

MOST_EVENTS = 10_000
PARTITION_KEY = 250


class EmissionInvalid(ValueError):
    """What was said of assets cannot be read or stored."""


class _Outlet(Struct, kw_only=True):
    type: str
    name: str | None = None
    uri: str | None = None


class _Dest(Struct, kw_only=True):
    name: str
    uri: str


class _Event(Struct, kw_only=True):
    dest_asset_key: _Dest
    extra: dict[str, Any] = {}
    partition_key: str | None = None
    source_alias_name: str | None = None
    dest_asset_extra: dict[str, Any] = {}


class _Success(Struct, kw_only=True):
    task_outlets: list[_Outlet] = []
    outlet_events: list[_Event] = []


@dataclass(frozen=True, slots=True)
class Emitted:
    """One attempt's outlets by kind, and its events: (extra, partition key) per asset, and those of aliases."""

    by: UUID
    keys: list[Key] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)
    events: dict[Key, list[tuple[dict[str, Any], str | None]]] = field(default_factory=dict)
    aliased: list[Emission] = field(default_factory=list)


def emitted_of(*, task_instance: UUID, body: dict[str, Any]) -> Emitted | None:
    """What a success says of assets; None when nothing. Raises EmissionInvalid."""
    if not body.get("task_outlets"):
        return None  # Airflow registers what goes through outlets only
    try:
        told = msgspec.convert(body, _Success)
        if len(told.outlet_events) > MOST_EVENTS:
            raise EmissionInvalid(f"a task may emit at most {MOST_EVENTS} asset events")
        events: defaultdict[Key, list[tuple[dict[str, Any], str | None]]] = defaultdict(list)
        for event in told.outlet_events:
            if event.source_alias_name is None:
                key = (event.dest_asset_key.name, event.dest_asset_key.uri)
                events[key].append((_extra(event.extra), _partition(event.partition_key)))
        outlets = told.task_outlets
        return Emitted(
            by=task_instance,
            # Each asset emits once per event, however often it is named.
            keys=_unique((o.name, o.uri) for o in outlets if o.type == "Asset" and o.name and o.uri),
            names=_unique(o.name for o in outlets if o.type == "AssetNameRef" and o.name),
            uris=_unique(o.uri for o in outlets if o.type == "AssetUriRef" and o.uri),
            events=dict(events),
            aliased=_aliased(
                task_instance,
                told.outlet_events,
                {o.name for o in outlets if o.type == "AssetAlias" and o.name},
            ),
        )
    except (msgspec.ValidationError, NotStorable) as error:
        raise EmissionInvalid(f"the asset events cannot be read: {error}") from error


def record(*, emitted: Sequence[Emitted], now: datetime, using: str) -> None:
    """Store the events of attempts that just succeeded. The last locks of the transaction are taken here."""
    assets.lock_assets(using=using)
    names = sorted({name for one in emitted for name in one.names})
    uris = sorted({uri for one in emitted for uri in one.uris})
    active = assets.resolve_outlets(names=names, uris=uris, using=using) if names or uris else []
    by_name = {key[0]: key for key in active}
    by_uri = {key[1]: key for key in active}
    emissions: list[Emission] = []
    for one in emitted:
        keys = [*one.keys]
        keys += [by_name[name] for name in one.names if name in by_name]
        keys += [by_uri[uri] for uri in one.uris if uri in by_uri]
        for name, uri in keys:
            # None: an event of its own accord, with the run's partition key.
            for extra, partition_key in one.events.get((name, uri)) or [({}, None)]:
                emissions.append(
                    Emission(name=name, uri=uri, extra=extra, ti=one.by, partition_key=partition_key)
                )
        emissions += one.aliased
    if emissions:
        assets.record_events(emissions=emissions, now=now, using=using)


def _aliased(by: UUID, events: Sequence[_Event], outlets: set[str]) -> list[Emission]:
    """Events through aliases that are outlets; the same event through several aliases is one event."""
    merged: dict[tuple[Key, str, str], tuple[_Event, set[str]]] = {}
    for event in events:
        if event.source_alias_name in outlets:
            key = (event.dest_asset_key.name, event.dest_asset_key.uri)
            if refusal := asset_refusal(*key):
                raise EmissionInvalid(refusal)
            seen = (key, _text(event.dest_asset_extra), _text(event.extra))
            merged.setdefault(seen, (event, set()))[1].add(str(event.source_alias_name))
    return [
        Emission(
            name=key[0],
            uri=key[1],
            extra=_extra(event.extra),
            ti=by,
            aliases=tuple(sorted(aliases)),
            asset_extra=_extra(event.dest_asset_extra),
            needs_active=False,
        )
        for (key, _, _), (event, aliases) in merged.items()
    ]


def _text(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _extra(value: dict[str, Any]) -> dict[str, Any]:
    """As it can be stored: what the database cannot hold is replaced."""
    stored: dict[str, Any] = msgspec.json.decode(json_text(value, nul=REPLACEMENT))
    return stored


def _partition(key: str | None) -> str | None:
    if key is None:
        return None
    if not key.strip():
        raise EmissionInvalid(
            f"partition_key in outlet event must not be empty or whitespace-only; got {key!r}."
        )
    if len(key) > PARTITION_KEY:
        raise EmissionInvalid(f"the partition key {key[:50]!r}… is longer than {PARTITION_KEY} characters")
    return plain_text(key, name="partition_key", longest=PARTITION_KEY)


def _unique(found: Any) -> list[Any]:
    return list(dict.fromkeys(found))
