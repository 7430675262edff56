"""A tenant's chain: which stores its connections and variables are looked for in, one after the other.

In the tenant's scope a `Plan` is made; outside of any transaction the plan's stores are asked (`bounded.py`). The first
that has the name answers. One that fails ends the chain: what stands behind it may be older, weaker or somebody's
guess. What a store of the outside said is kept in memory for the attempt that asked, and for no other: a task that
asks often costs one question, and the next task gets what was rotated meanwhile.

Callers: `api/execution` (tasks), `api/v2` and `api/portal` (people).
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.foundation.db import execute
from controlplane.ledger.models.secret_chain import SecretChain
from controlplane.secrets import store
from controlplane.secrets.bounded import BoundedAsking
from controlplane.secrets.chain_settings import read_chain_settings
from controlplane.secrets.contract import Place
from controlplane.secrets.embedded import KeyGone
from controlplane.secrets.kept_answers import KeptAnswers
from controlplane.secrets.source import Kind, SecretSource
from domain.ids import uuid7
from tenants.scope import require_tenant

EMBEDDED = "embedded"
MOST_SOURCES = 1_000

Asker = tuple[UUID, int]
"""The task instance and the epoch of the attempt that asks."""


class ChainChanged(Exception):
    """Somebody else changed the chain since the caller read it."""


@dataclass(frozen=True)
class Chain:
    """`version` 0: the tenant has none of its own."""

    stores: tuple[dict[str, Any], ...] = ({"kind": EMBEDDED, "name": EMBEDDED},)
    declared_only: bool = False
    version: int = 0
    row_id: UUID | None = None
    sealed: bytes | None = field(default=None, repr=False)
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """A value, and the name of the store that has it."""

    value: Any = field(repr=False)
    store: str


@dataclass(frozen=True)
class Plan:
    """Whom to ask for one name, in order; `None` stands for the ledger."""

    tenant_id: UUID
    version: int
    kind: Kind
    name: str
    steps: tuple[tuple[str, SecretSource | None], ...]

    @property
    def is_local(self) -> bool:
        """No store outside is asked."""
        return all(source is None for _, source in self.steps)

    def only(self, store_name: str) -> Plan:
        """The same for one of the stores."""
        return replace(self, steps=tuple(step for step in self.steps if step[0] == store_name))

    def resolve(self, *, ledger: Callable[[], Any], asker: Asker | None = None) -> Found | None:
        """The first value. `ledger` reads the embedded store, in a scope of its own. Raises SourceFailed."""
        for name, source in self.steps:
            value = ledger() if source is None else _asked(self, name, source, asker)
            if value is not None:
                return Found(value, name)
        return None


def read(*, using: str = "default") -> Chain:
    """The chain of the tenant in scope."""
    rows = execute("secrets/sql/read_secret_chain.sql", using=using)
    if not rows:
        return Chain()
    row_id, stores, sealed, declared_only, version, updated_at = rows[0]
    return Chain(
        tuple(stores), declared_only, version, row_id, None if sealed is None else bytes(sealed), updated_at
    )


def plan(chain: Chain, *, kind: Kind, name: str) -> Plan:
    """Inside the tenant's scope, which opens the credentials. Raises KeyUnavailable, SealBroken."""
    tenant_id = require_tenant()
    steps = tuple((each["name"], _source(chain, tenant_id, each)) for each in chain.stores)
    return Plan(tenant_id=tenant_id, version=chain.version, kind=kind, name=name, steps=steps)


def put(*, stores: Any, declared_only: bool, expected: int, now: datetime) -> Chain:
    """Replace the chain, if its version still is `expected`. Raises ChainInvalid, ChainChanged, KeyUnavailable."""
    rows = execute("secrets/sql/lock_secret_chain.sql", id=uuid7(), now=now)
    row_id, version = rows[0][0], rows[0][1]
    if version != expected:
        raise ChainChanged("the chain was changed meanwhile: read it again")
    before = read()
    given = read_chain_settings(
        stores,
        held=before.stores,
        held_credentials=_credentials(before),
        plain_http=bool(settings.SECRET_NETWORKS),
    )
    sealed = None
    if given.credentials:
        plain = json.dumps(given.credentials).encode()
        sealed = store.current().seal(plain=plain, place=_place(row_id))
    execute(
        "secrets/sql/fill_secret_chain.sql",
        stores=json.dumps(given.stores),
        sealed=sealed,
        declared_only=declared_only,
        version=version + 1,
        now=now,
    )
    return read()


def has_credentials(chain: Chain) -> set[str]:
    """Names of the stores with credentials. They themselves are told to nobody."""
    return set(_credentials(chain))


def _asked(plan: Plan, store_name: str, source: SecretSource, asker: Asker | None) -> Any:
    key = (plan.tenant_id, asker, plan.kind, plan.name, store_name, plan.version)
    if asker is not None and (kept := _kept().get(key)) is not None:
        return kept[0]
    source.load()
    value = _asking().read(
        source=source,
        tenant_id=plan.tenant_id,
        store=store_name,
        version=plan.version,
        kind=plan.kind,
        name=plan.name,
    )
    if asker is not None:
        _kept().put(key, value)
    return value


@cache
def _kept() -> KeptAnswers:
    return KeptAnswers()


@cache
def _asking() -> BoundedAsking:
    return BoundedAsking()


_sources: OrderedDict[tuple[UUID, str], tuple[int, SecretSource]] = OrderedDict()
_sources_lock = threading.Lock()


def _source(chain: Chain, tenant_id: UUID, each: dict[str, Any]) -> SecretSource | None:
    """The store's source: the one that is signed in already, while the chain is the same."""
    if each["kind"] == EMBEDDED:
        return None
    key = (tenant_id, each["name"])
    with _sources_lock:
        known = _sources.get(key)
        if known is not None and known[0] == chain.version:
            _sources.move_to_end(key)
            return known[1]
    made = make_source(each, _credentials(chain).get(each["name"], {}))
    with _sources_lock:
        _sources[key] = (chain.version, made)
        while len(_sources) > MOST_SOURCES:
            _sources.popitem(last=False)
    return made


def make_source(each: dict[str, Any], credentials: dict[str, str]) -> SecretSource:
    """The body for one store of a chain."""
    # Imported here: processes of tenants without such a store never load its library.
    if each["kind"] == "vault":
        from controlplane.secrets.vault import Login, VaultSession, VaultSource

        login = Login(
            each["auth"],
            mount=each["auth_mount"],
            role_id=each["role_id"],
            role=each["role"],
            secret_id=credentials.get("secret_id", ""),
            jwt=credentials.get("jwt", ""),
            token=credentials.get("token", ""),
        )
        session = VaultSession(
            address=each["address"],
            login=login,
            namespace=each["namespace"] or None,
            ca_pem=each["ca_pem"] or None,
            allowed=settings.SECRET_NETWORKS,
        )
        return VaultSource(session=session, mount=each["mount"], prefix=each["prefix"])
    if each["kind"] == "google-secret-manager":
        from controlplane.secrets.google import GoogleSource

        return GoogleSource(
            project=each["project"],
            prefix=each["prefix"],
            client_email=each["client_email"],
            private_key=credentials.get("private_key", ""),
            endpoint=settings.GOOGLE_ENDPOINT or None,
        )
    if each["kind"] == "azure-key-vault":
        from controlplane.secrets.azure import AzureSource

        return AzureSource(
            vault_url=each["vault_url"],
            prefix=each["prefix"],
            tenant=each["tenant"],
            client_id=each["client_id"],
            client_secret=credentials.get("client_secret", ""),
            allowed=settings.SECRET_NETWORKS,
        )
    from controlplane.secrets.aws import ParameterStoreSource, SecretsManagerSource

    body = SecretsManagerSource if each["kind"] == "aws-secrets-manager" else ParameterStoreSource
    return body(
        region=each["region"],
        prefix=each["prefix"],
        access_key_id=each["access_key_id"],
        secret_access_key=credentials.get("secret_access_key", ""),
        session_token=credentials.get("session_token"),
        endpoint=settings.AWS_ENDPOINT or None,
    )


def _credentials(chain: Chain) -> dict[str, dict[str, str]]:
    if chain.sealed is None or chain.row_id is None:
        return {}
    try:
        plain = store.current().open(sealed=chain.sealed, place=_place(chain.row_id))
    except KeyGone:
        fresh = SecretChain.objects.get(id=chain.row_id)
        plain = store.current().open(sealed=bytes(fresh.sealed or b""), place=_place(chain.row_id))
    found: dict[str, dict[str, str]] = json.loads(plain)
    return found


def _place(row_id: UUID) -> Place:
    return Place(tenant_id=require_tenant(), table="secret_chain", column="sealed", row_id=row_id)
