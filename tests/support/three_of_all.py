"""A tenant with three rows of everything that the portal lists, its Owner, who belongs to all lists of people as well
and is an operator, and what fills the parts of paths.

Rows are made from the catalog (see `generic_rows`); `OWN` says what such a row needs beyond that for its list to show it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, Final

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
from tests.support.actors import Actor
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


class Three:
    """`owner`: may see every list. `fill`, `query`: the address of a list that has three rows."""

    PARTS: Final = {"slug", "organisation_id", "account_id"}

    def __init__(self, tenant: Tenant, owner: Actor, made: Made) -> None:
        self.tenant, self.owner, self.made = tenant, owner, made

    def fill(self, path: str) -> str:
        """The path of the tenant's list."""
        known = {
            "slug": self.tenant.slug,
            "organisation_id": self.tenant.organisation_id,
            "account_id": self.made["service_account"][0]["id"] if self.made["service_account"] else "",
        }
        return re.sub(r"{(\w+)}", lambda part: str(known[part[1]]), path)

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
    "service_account": lambda n, made, three: {"user_id": make_person().id},
    "token": lambda n, made, three: {"service_account_id": made["service_account"][0]["id"], "scopes": None},
}
"""By table: what a row of it must be for a list to show it, or to be a row at all."""


def _may_read() -> int:
    return int(Permission.objects.get(codename="read", content_type__model="granttarget").pk)


def _audited(number: int) -> dict[str, Any]:
    texts = dict.fromkeys(("before", "after", "detail"))
    return {**texts, "outcome": "done", "actor_kind": "person", "status": 200}


def _of_people(tenant: Tenant, user: User) -> None:
    """What belongs to people, organisations and the platform rather than to the tenant."""
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
        begin_session(user_id=user.id, method="password", address="", user_agent="", now=NOW)
        SignInFactor(user=user, kind="totp", created_at=NOW, confirmed_at=NOW).save(
            using="auth", force_insert=True
        )
        IdentityProvider(
            organisation=of, kind="oidc", name="Same", issuer=f"https://i{number}", created_at=NOW
        ).save(using="auth", force_insert=True)
        Plan(name=f"plan-{number}", title="Plan", changed_at=NOW, changed_by="ada").save(
            using="auth", force_insert=True
        )
        periodic.register(name=f"{JOB}_{'abc'[number]}", what="Does nothing", run=_nothing, every_seconds=60)
    beat.store_schedules()
    for number in range(3):
        periodic.forget(f"{JOB}_{'abc'[number]}")


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
    _of_people(tenant, owner.user)
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
