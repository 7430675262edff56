"""What models declare: a wall around every tenant's table, keys that begin with the tenant, no forgotten migration.

That the wall stands in the database is tested in tests/tenancy; this says that no table can be forgotten there.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
from django.db.migrations.state import ProjectState

from tenants.rls import PlatformTable, TenantTable

PLATFORM = frozenset(
    {
        "agent",
        "email_change",
        "identity_provider",
        "mail",
        "organisation",
        "organisation_member",
        "organisation_quota",
        "periodic_job",
        "person_identity",
        "plan",
        "platform_audit_checkpoint",
        "platform_audit_row",
        "provisioned_group",
        "sign_in_factor",
        "sign_in_session",
        "user_account",
    }
)
"""Tables of no tenant, reviewed one by one: agents are the platform's, and people may be in several tenants."""
OTHER_KEYS = {
    "audit_mark_due": "thin, looked up by instant across tenants",
    "workload_agent": "thin ledger, looked up by agent across tenants",
    "notification_due_at": "thin ledger, looked up by instant across tenants",
    "report_due_at": "thin ledger, looked up by instant across tenants",
    "artefact_use_digest": "thin ledger, looked up by digest across tenants before a file is deleted",
    "errand_due": "thin ledger, looked up by instant across tenants",
    "work_item_due": "thin ledger, looked up by instant across tenants",
    "membership.user": "looked up at sign-in, before a tenant is known",
    "membership.provider": "looked up when an identity provider is removed, across the tenants of its organisation",
    "token.digest": "looked up at the door, before a tenant is known; 256 random bits",
}
"""Indexes that do not begin with the tenant, and why."""


def _models() -> list[Any]:
    return [
        model
        for label in ("tenants", "ledger")
        for model in apps.get_app_config(label).get_models(include_auto_created=True)
    ]


def _is_walled(model: Any) -> bool:
    return any(isinstance(constraint, TenantTable) for constraint in model._meta.constraints)


def _loose_keys(model: Any) -> list[str]:
    """Names of indexes and unique keys that do not begin with the tenant."""
    out = []
    for key in [*model._meta.indexes, *model._meta.constraints]:
        fields = list(getattr(key, "fields", ()))
        if fields and fields[0] not in {"tenant", "tenant_id"}:
            out.append(key.name)
    for field in model._meta.local_fields:
        if (field.unique and not field.primary_key) or field.db_index:
            out.append(f"{model._meta.db_table}.{field.name}")
    return out


@pytest.mark.parametrize("model", _models(), ids=lambda model: model._meta.db_table)
def test_every_table_has_its_wall(model: Any) -> None:
    if model._meta.db_table in PLATFORM:
        assert any(isinstance(constraint, PlatformTable) for constraint in model._meta.constraints)
    else:
        assert _is_walled(model)


@pytest.mark.parametrize("model", _models(), ids=lambda model: model._meta.db_table)
def test_keys_begin_with_the_tenant(model: Any) -> None:
    if model._meta.db_table not in PLATFORM and model._meta.model_name != "tenant":
        assert [name for name in _loose_keys(model) if name not in OTHER_KEYS] == []


def test_a_table_without_wall_is_found() -> None:
    class Open(models.Model):
        tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
        name = models.CharField(max_length=10, unique=True)

        class Meta:
            app_label = "architecture"
            db_table = "open"
            indexes = [models.Index(fields=["name"], name="open_name")]

    assert not _is_walled(Open)
    assert _loose_keys(Open) == ["open_name", "open.tenant", "open.name"]


def test_models_and_migrations_say_the_same() -> None:
    loader = MigrationLoader(None)
    changes = MigrationAutodetector(
        loader.project_state(), ProjectState.from_apps(apps), NonInteractiveMigrationQuestioner()
    ).changes(graph=loader.graph)
    assert {label: [str(op) for m in found for op in m.operations] for label, found in changes.items()} == {}
