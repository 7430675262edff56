"""`manage.py verify_audit`: read audit chains and name the first row of each that is not as it was written."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from api.json_answers import encode
from tenants.audit.chains import ChainUnknown, all_chains, checkpoint_store, find_chain, verify


class Command(BaseCommand):
    help = "Verify the audit chains of the platform and every tenant, or of those named. Exit status 1: one is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("chains", nargs="*", help="slugs or ids of tenants; `platform`")

    def handle(self, *args: Any, **options: Any) -> None:
        store = checkpoint_store()
        try:
            chains = [find_chain(name) for name in options["chains"]] or all_chains(store)
        except ChainUnknown as error:
            raise CommandError(str(error)) from error
        verdicts = [verify(chain, store=store) for chain in chains]
        for verdict in verdicts:
            self.stdout.write(encode(verdict.words()).decode())
        if broken := sum(not verdict.holds for verdict in verdicts):
            raise CommandError(f"{broken} of {len(chains)} chains do not verify", returncode=1)
