"""`manage.py export_tenant SLUG FILE`: one tenant in a file. docs/how-to/export-a-tenant.md says what is in it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.tenant_archives import REFUSALS, passphrase_of, tenant_named, told
from controlplane.foundation.clock import utc_now
from controlplane.maintenance.archive.write import export_tenant


class Command(BaseCommand):
    help = "Write a tenant's rows and objects to a new file. Without a passphrase its secrets are left out, and named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("file", type=Path)
        parser.add_argument("--passphrase-file", type=Path, help="secrets are sealed under its first line")
        parser.add_argument(
            "--store", type=Path, action="append", default=[], help="where else objects may be"
        )
        parser.add_argument("--repositories", type=Path, help="where else the Git repository may be")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_tenant(
                tenant=tenant_named(options["slug"]),
                target=options["file"].absolute(),
                passphrase=passphrase_of(options["passphrase_file"]),
                now=utc_now(),
                stores=tuple(options["store"]),
                repositories=options["repositories"],
            )
        except REFUSALS as error:
            raise CommandError(str(error)) from error
        self.stdout.write(told(done))
