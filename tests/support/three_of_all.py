"""A tenant with three rows of everything that the portal lists, its Owner, who belongs to all lists of people as well
and is an operator, and what fills the parts of paths.

Rows are made from the catalog (see `generic_rows`); `OWN` says what such a row needs beyond that for its list to show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, Final
from uuid import uuid4

from django.contrib.auth.models import Permission
from psycopg2 import errors
from psycopg2.extras import Json, register_uuid

from controlplane.foundation import periodic
from controlplane.foundation.clock import utc_now
from controlplane.maintenance.periodic import beat
from tenants.audit.record import record_platform_change
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import Membership
from tenants.models.organisation_member import OrganisationMember
from tenants.models.plan import Plan
from tenants.models.sign_in_factor import SignInFactor
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisations import make_organisation
from tenants.sessions import begin_session
from tests.support.actors import Actor, Door
from tests.support.catalog import Table, read_tables
from tests.support.factories import make_person
from tests.support.generic_rows import GenericRows

Made = dict[str, list[dict[str, Any]]]
Own = Callable[[int, Made, "Three"], dict[str, Any]]
JOB = "three.job"
NOW = utc_now()
LATER = NOW + timedelta(days=1)
FINDINGS = {
    "findings": [{"code": "AERO-X", "message": "m", "path": "dags/a.py", "line": n} for n in range(3)]
}


TABLES: Final = {
    "account_id": "service_account",
    "alert_id": "alert",
    "budget_id": "budget",
    "bundle_id": "bundle_version",
    "callback_id": "callback",
    "channel_id": "alert_channel",
    "entry_id": "operator_entry",
    "grant_id": "object_grant",
    "invitation_id": "invitation",
    "preview_id": "preview",
    "report_id": "report",
    "rule_id": "alert_rule",
    "runtime_id": "runtime",
    "schedule_id": "report_schedule",
    "stream_id": "audit_stream",
    "task_instance_id": "task_instance",
    "token_id": "token",
    "window_id": "maintenance_window",
}
"""Parts of paths that are the ids of rows."""


class Three:
    """`owner`: may see every list. `fill`, `query`: the address of a list that has three rows."""

    def __init__(self, tenant: Tenant, owner: Actor, made: Made) -> None:
        self.tenant, self.owner, self.made = tenant, owner, made
        self.others: dict[str, Any] = {}

    def fill(self, path: str) -> str:
        """The path of something that is there; a part that nobody knows is filled with its own name."""

        def value(part: re.Match[str]) -> str:
            name, before = part[1], path[: part.start()].rstrip("/").rpartition("/")[2]
            if name in TABLES and self.made.get(TABLES[name]):
                return str(self.made[TABLES[name]][0]["id"])
            known = self.others.get(f"{before}/{name}", self.others.get(name))
            return str(known if known is not None else uuid4() if name.endswith("_id") else name)

        return re.sub(r"{(\w+)}", value, path)

    def door(self) -> Door:
        """The Owner's. Rows from the catalog hold texts that are no kind or state: no shape has to fit them."""
        return self.owner.portal(is_described=False)

    @staticmethod
    def query(path: str) -> dict[str, Any]:
        """What a list cannot do without."""
        return {"tenant": "alpha"} if path == "/sso/providers" else {}


OWN: dict[str, Own] = {
    "alert_channel": lambda n, made, three: {"last_error": ""},
    "alert_rule": lambda n, made, three: {"selector": Json({}), "settings": Json({}), "channels": Json([])},
    "audit_row": lambda n, made, three: _audited(n),
    "bundle_version": lambda n, made, three: {"state": "parsed", "summary": Json(FINDINGS)},
    "deployment": lambda n, made, three: {"number": n + 1, "summary": Json({})},
    "hitl_detail": lambda n, made, three: {"task_instance_id": made["task_instance"][n]["id"]},
    "invitation": lambda n, made, three: {"expires_at": LATER},
    "membership": lambda n, made, three: {"user_id": make_person().id, "role": "Viewer"},
    "object_grant": lambda n, made, three: {"user_id": make_person().id, "permission_id": _may_read()},
    "operator_entry": lambda n, made, three: {"user_id": three.owner.user.id, "expires_at": LATER},
    "report": lambda n, made, three: {"first": date(2026, 1, n + 1)},
    "role": lambda n, made, three: {"permissions": Json(["runs.read"])},
    "secret_chain": lambda n, made, three: {"stores": Json([]), "version": 1, "sealed": None},
    "service_account": lambda n, made, three: {"user_id": make_person().id},
    "token": lambda n, made, three: {"service_account_id": made["service_account"][0]["id"], "scopes": None},
}
"""By table: what a row of it must be for a list to show it, or to be a row at all."""


def _may_read() -> int:
    return int(Permission.objects.get(codename="read", content_type__model="granttarget").pk)


def _audited(number: int) -> dict[str, Any]:
    texts = dict.fromkeys(("before", "after", "detail"))
    return {**texts, "outcome": "done", "actor_kind": "person", "status": 200}


def _of_people(tenant: Tenant, user: User) -> dict[str, Any]:
    """What belongs to people, organisations and the platform rather than to the tenant; what paths call it."""
    of = tenant.organisation
    for number in range(3):
        made = make_organisation(name=f"Organisation {number}", owner=user)
        place = Tenant(slug=f"place-{number}", name="Place", organisation=of, state="active")
        place.save(using="auth", force_insert=True)
        Membership(tenant=place, user=user, role="Owner").save(using="auth", force_insert=True)
        OrganisationMember(organisation=of, user=make_person() if number else user, role="Owner").save(
            using="auth", force_insert=True
        )
        record_platform_change(action="a.b", target=f"organisation:{made.id}", organisation_id=of.id)
        session_id = begin_session(user_id=user.id, method="password", address="", user_agent="", now=NOW)
        factor = SignInFactor(user=user, kind="totp", created_at=NOW, confirmed_at=NOW)
        factor.save(using="auth", force_insert=True)
        provider = IdentityProvider(
            organisation=of, kind="oidc", name="Same", issuer=f"https://i{number}", created_at=NOW
        )
        provider.save(using="auth", force_insert=True)
        Plan(name=f"plan-{number}", title="Plan", changed_at=NOW, changed_by="ada").save(
            using="auth", force_insert=True
        )
    _scheduled()
    return {"session_id": session_id, "factor_id": factor.id, "provider_id": provider.id}


def _scheduled() -> None:
    """Three jobs that have schedules; the process forgets them at once."""
    names = [f"{JOB}_{each}" for each in "abc"]
    try:
        for name in names:
            periodic.register(name=name, what="Does nothing", run=_nothing, every_seconds=60)
        beat.store_schedules()
    finally:
        for name in names:
            periodic.forget(name)


def _nothing(now: Any) -> str:
    return ""


def three_of_all(tenant: Tenant, owner: Actor, superuser: Any) -> Three:
    """Make them."""
    register_uuid()
    User.objects.using("auth").filter(id=owner.user.id).update(is_operator=True)
    made: Made = {}
    three = Three(tenant, owner, made)
    with superuser.cursor() as cursor:
        rows = GenericRows(cursor, read_tables(cursor))
        cursor.execute("SELECT * FROM tenant WHERE id = %s", [tenant.id])
        names = [column.name for column in cursor.description]
        rows.made["tenant", tenant.id] = dict(zip(names, cursor.fetchone(), strict=True))
        for table in _in_order(rows.tables):
            made[table.name] = []
            for number in range(3):
                values = rows.values(table.name, tenant.id)
                if own := OWN.get(table.name):
                    values |= own(number, made, three)
                try:
                    rows._insert(table.name, values)
                except errors.UniqueViolation:
                    break  # one of a kind: no list
                made[table.name].append(values)
                rows.made.setdefault((table.name, tenant.id), values)
    three.others = {
        "slug": tenant.slug,
        "organisation_id": tenant.organisation_id,
        "dag_id": made["dag"][0]["dag_id"],
        "user_id": made["membership"][0]["user_id"],
        "number": 1,
        "backfills/number": made["backfill"][0]["serial"],
        "pools/name": made["pool"][0]["name"],
        "roles/name": made["role"][0]["name"],
        "plans/name": "plan-0",
        "periodic-jobs/name": f"{JOB}_a",
        **_of_people(tenant, owner.user),
    }
    return three


def _in_order(tables: dict[str, Table]) -> Iterator[Table]:
    """A tenant's tables, those that others point at first."""
    left = {name: table for name, table in tables.items() if table.tenant_column and name != "tenant"}
    while left:
        free = [
            table
            for table in left.values()
            if not any(key.target in left and key.target != table.name for key in table.foreign_keys)
        ]
        for table in free or list(left.values())[:1]:
            yield table
            del left[table.name]
