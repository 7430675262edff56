"""`manage.py import_tenant FILE [--as SLUG] --owner NAME`: make a tenant of what `export_tenant` wrote."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.tenant_archives import REFUSALS, passphrase_of, person_named, put_told
from controlplane.foundation.clock import utc_now
from controlplane.maintenance.archive.put import import_tenant


class Command(BaseCommand):
    help = "Make a tenant of an archive. Nothing is scheduled for it until --start, or `start_tenant SLUG`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--as", dest="slug", help="its name; by default the archive's own")
        parser.add_argument("--owner", required=True, help="a person of this installation, who owns it")
        parser.add_argument("--passphrase-file", type=Path, help="what its secrets are sealed under")
        parser.add_argument("--start", action="store_true", help="schedule its DAGs at once")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = import_tenant(
                path=options["file"].absolute(),
                slug=options["slug"],
                owner=person_named(options["owner"]),
                passphrase=passphrase_of(options["passphrase_file"]),
                start=options["start"],
                now=utc_now(),
            )
        except REFUSALS as error:
            raise CommandError(str(error)) from error
        self.stdout.write(put_told(done))
