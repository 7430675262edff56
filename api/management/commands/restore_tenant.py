"""`manage.py restore_tenant SLUG FILE`: put a tenant back as it is in its archive, in place. Nobody else is touched."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.tenant_archives import REFUSALS, passphrase_of, put_told
from controlplane.foundation.clock import utc_now
from controlplane.maintenance.archive.put import restore_tenant


class Command(BaseCommand):
    help = "Put a tenant in place of itself. It is suspended meanwhile; interrupted, run it again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("file", type=Path)
        parser.add_argument("--passphrase-file", type=Path, help="what its secrets are sealed under")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restore_tenant(
                path=options["file"].absolute(),
                slug=options["slug"],
                passphrase=passphrase_of(options["passphrase_file"]),
                now=utc_now(),
            )
        except REFUSALS as error:
            raise CommandError(str(error)) from error
        self.stdout.write(put_told(done))
