"""Verifies the audit chains of the stack that runs: ./aerodrome verify-audit [TENANT ... | platform].

A JSON object per chain. Exit status 0: all hold; 1: one does not, and its first wrong row is named; 3: nothing runs.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

from launcher.embedded.roles import DatabaseUrls
from launcher.settings import read_settings
from launcher.status_file import read_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "chains", nargs="*", metavar="TENANT", help="slugs or ids; `platform`; by default all"
    )


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    settings = read_settings(environment=os.environ, checkout=checkout)
    status = read_status(data=settings.data, now=time.time())
    if "database" not in status:
        print("aerodrome: no stack runs here: start it with ./aerodrome up", file=sys.stderr)
        return 3
    names = [field.name for field in dataclasses.fields(DatabaseUrls)]
    urls = DatabaseUrls(**{name: status["database"][f"{name}_url"] for name in names}).as_environment()
    urls.pop("AERODROME_DATABASE_OWNER_URL")  # who may change rows has no place in looking at them
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AERODROME_DATABASE_")},
        **urls,
        "PYTHONPATH": f"{checkout / 'platform'}:{checkout}",
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "AERODROME_DATA": str(settings.data),
        "AERODROME_REDIS_URL": status["redis"]["url"],
        "AERODROME_SECRET_KEY_FILE": str(settings.secret_key_file),
        "AERODROME_ENCRYPTION_KEY_FILE": str(settings.encryption_key_file),
        "AERODROME_SIGNING_KEY_FILE": str(settings.signing_key_file),
    }
    command = [sys.executable, "-P", str(checkout / "manage.py"), "verify_audit", *arguments.chains]
    return subprocess.run(command, env=environment, check=False).returncode
