"""Which rows of a tenant are in its archive, and what becomes of them.

The tables come from the models, and whatever is not named here is carried: a new table cannot be forgotten.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Field, Model

from tenants.rls import TenantTable

LEFT = {
    "tenant_lease": "belongs to the schedulers of an installation",
    "audit_mark": "belongs to the signing of an installation",
    "audit_checkpoint": "is signed by an installation's own key",
    "data_key": "is wrapped by an installation's own key; secrets are sealed anew",
    "kept_answer": "answers to repeated requests, for a day",
    "token": "opens the doors of an installation; access is never brought back",
    "membership": "names people of an installation; access is never brought back",
    "invitation": "names people of an installation; access is never brought back",
    "service_account": "has an account in an installation; access is never brought back",
    "object_grant": "names people of an installation; access is never brought back",
    "grant_target": "is named by grants only",
    "operator_entry": "names operators of an installation",
    "tenant_quota": "is what an installation's operators allow",
    "preview": "names other tenants",
    "notification_due": "would be sent twice",
    "tenant_export": "is an archive itself",
    "artefact_use": "is written with the bundle versions",
}
"""Table -> why its rows are in no archive. In place of itself a tenant keeps those that it has."""
EVIDENCE = {
    "audit_row": "is put back only where the tenant keeps its id and has no chain: chains are not rolled back",
    "attempt_usage": "was metered by the installation that ran it",
    "usage_day": "was metered by the installation that ran it",
    "usage_month": "was metered by the installation that ran it",
    "usage_storage": "was metered by the installation that held it",
    "storage_held": "is counted anew",
    "budget_burn": "was metered by the installation that ran it",
}
"""Table -> why its rows are in the archive, for whoever reads it, and not put anywhere."""
HISTORY = {"event_log": "only grows: what was done since stays told"}
"""Table -> why it is put into a new tenant, and left as it is in place of an old one."""
ERRANDS = ("fetch", "prune")
"""Errands that are carried: the others have been told, or name what is not carried."""


def tenant_models() -> dict[str, type[Model]]:
    """Every table with rows of tenants, in the order of the models."""
    return {
        model._meta.db_table: model
        for model in apps.get_models()
        for wall in model._meta.constraints
        if isinstance(wall, TenantTable) and wall.column == "tenant_id"
    }


def archived() -> dict[str, type[Model]]:
    """Those whose rows are in an archive."""
    return {table: model for table, model in tenant_models().items() if table not in LEFT}


def put_into_new() -> dict[str, type[Model]]:
    """Those whose rows make a tenant."""
    return {table: model for table, model in archived().items() if table not in EVIDENCE}


def put_in_place() -> dict[str, type[Model]]:
    """Those whose rows are replaced when a tenant is put in place of itself."""
    return {table: model for table, model in put_into_new().items() if table not in HISTORY}


def reader(model: type[Model]) -> str:
    """The alias whose role reads the table."""
    [wall] = [wall for wall in model._meta.constraints if isinstance(wall, TenantTable)]
    for role, alias in (("scheduler", "scheduler"), ("app", "default")):
        if "SELECT" in wall.grants.get(role, ""):
            return alias
    raise LookupError(f"{model._meta.db_table}: no role may read a tenant's rows for its archive")


def columns(model: type[Model]) -> list[Field[Any, Any]]:
    """Those that an archive has: all but the tenant's own, and ids that the database gives."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if field.column != "tenant_id"
        and not (field.primary_key and field.get_internal_type() != "UUIDField")
    ]
