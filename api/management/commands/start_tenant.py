"""`manage.py start_tenant SLUG`: schedule for a tenant that was imported."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.foundation.clock import utc_now
from controlplane.maintenance.archive.put import TenantOther, start_tenant


class Command(BaseCommand):
    help = "Begin to schedule for an imported tenant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            begun = start_tenant(slug=options["slug"], now=utc_now())
        except TenantOther as error:
            raise CommandError(str(error)) from error
        self.stdout.write("It is scheduled from now on." if begun else "It is scheduled already.")
