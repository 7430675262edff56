"""`manage.py rotate_secrets --tenant <slug>` or `--all`: new data keys, everything sealed anew, old keys deleted."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.secrets.contract import KeyUnavailable
from controlplane.secrets.rotate import BATCH, NothingToRotate, rotate_tenant
from tenants.models.tenant import Tenant


class Command(BaseCommand):
    help = "Seal tenants' secrets with new data keys while they are in use. Interrupted, run it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--tenant", help="of this name")
        which.add_argument("--all", action="store_true", help="one after the other")
        parser.add_argument("--batch", type=int, default=BATCH, help="rows that are locked at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Tenant.objects.using("auth").order_by("id")
        if options["tenant"]:
            found = found.filter(slug=options["tenant"])
        tenants = list(found)
        if options["tenant"] and not tenants:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        left = 0
        for tenant in tenants:
            try:
                done = rotate_tenant(tenant_id=tenant.id, batch=max(1, options["batch"]))
            except (KeyUnavailable, NothingToRotate) as error:
                raise CommandError(f"{tenant.slug}: {error}") from error
            left += done.kept
            self.stdout.write(f"{tenant.slug}: {done}")
        if left:
            raise CommandError(f"{left} old keys are still needed: see above, and run it again.")
