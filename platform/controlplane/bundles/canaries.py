"""What tries a deployment out once it is in force: asked for with it, or by the tenant for every one that comes.

Inside the tenant's scope. Here a trial is asked for and shown; `dagprocessor.canary` makes it, judges it and rolls
back. A roll-back has none: it goes to what was tried already. Decision: docs/adr/0028.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.ledger.models.canary import Canary
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.transitions import add_items
from tenants.models.tenant import Tenant
from tenants.scope import current_tenant

ROLL_BACK, MARK = "roll_back", "mark"
OPEN = ("waiting", "running")
ITEM = "canary"
SETTING = "canary"


@dataclass(frozen=True, slots=True)
class Trial:
    """`dag_id` empty: no file may fail to import. `seconds`: how long the run may take."""

    dag_id: str = ""
    conf: Mapping[str, Any] = field(default_factory=dict)
    seconds: int = 600
    on_failure: str = ROLL_BACK


def standing(*, using: str = "default") -> Trial | None:
    """What the tenant wants of every deployment."""
    held = Tenant.objects.using(using).values_list("settings", flat=True).get(id=current_tenant(using=using))
    wanted = held.get(SETTING)
    return Trial(**wanted) if isinstance(wanted, dict) else None


def set_standing(*, trial: Trial | None, using: str = "default") -> None:
    """From the next deployment on. None: none is tried any more."""
    tenant = Tenant.objects.using(using).select_for_update().get(id=current_tenant(using=using))
    settings = {key: value for key, value in tenant.settings.items() if key != SETTING}
    if trial is not None:
        settings[SETTING] = asdict(trial)
    Tenant.objects.using(using).filter(id=tenant.id).update(settings=settings)


def ask_trial(*, deployment: Deployment, trial: Trial, using: str = "default") -> Canary:
    """It waits until the deployment is in force."""
    return Canary.objects.using(using).create(
        tenant_id=deployment.tenant_id, deployment=deployment, **asdict(trial)
    )


def begin_trial(*, deployment: Deployment, now: datetime, using: str = "default") -> None:
    """The deployment is in force from this transaction's commit on: whoever makes trials is to look."""
    if Canary.objects.using(using).filter(deployment=deployment, state="waiting").exists():
        add_items(items=[(ITEM, None, now)], using=using)


def trial_of(*, deployment: Deployment, using: str = "default") -> Trial | None:
    """What was asked for with it."""
    row = Canary.objects.using(using).filter(deployment=deployment).first()
    return None if row is None else Trial(row.dag_id, row.conf, row.seconds, row.on_failure)


def is_tried(*, bundle_id: UUID, using: str = "default") -> bool:
    """Whether the verdict on a bundle version that is in force is still open."""
    found = Canary.objects.using(using).filter(deployment__bundle_version_id=bundle_id, state__in=OPEN)
    return found.filter(deployment__state="active").exists()


def trials_of(*, deployments: Iterable[UUID], using: str = "default") -> dict[UUID, Canary]:
    """By deployment."""
    rows = Canary.objects.using(using).filter(deployment_id__in=list(deployments))
    return {row.deployment_id: row for row in rows}


def failed_numbers(*, below: int, using: str = "default") -> list[int]:
    """Deployments with a smaller number whose trial failed: nobody is rolled back to these."""
    rows = Canary.objects.using(using).filter(state="failed", deployment__number__lt=below)
    return list(rows.values_list("deployment__number", flat=True))
