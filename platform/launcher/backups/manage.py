"""Runs commands of manage.py against a database: the running stack's, or one that was brought back for a look."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.embedded.roles import DatabaseUrls
from launcher.settings import Settings


@dataclass(frozen=True)
class Manage:
    """`environment`: what the command sees; the owner of the database is not in it."""

    checkout: Path
    environment: dict[str, str]

    @classmethod
    def of_status(
        cls, *, status: Mapping[str, Any], settings: Settings, checkout: Path, caller: Mapping[str, str]
    ) -> Manage:
        """Of the stack that runs; `caller` keeps its own variables."""
        names = [field.name for field in dataclasses.fields(DatabaseUrls)]
        urls = DatabaseUrls(**{name: status["database"][f"{name}_url"] for name in names})
        kept = {name: value for name, value in caller.items() if not name.startswith("AERODROME_DATABASE_")}
        more = {
            "PYTHONPATH": f"{checkout / 'platform'}:{checkout}",
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "AERODROME_DATA": str(settings.data),
            "AERODROME_BASE_URL": str(status["base_url"]),
            "AERODROME_REDIS_URL": str(status["redis"]["url"]),
            "AERODROME_SECRET_KEY_FILE": str(settings.secret_key_file),
            "AERODROME_ENCRYPTION_KEY_FILE": str(settings.encryption_key_file),
            "AERODROME_SIGNING_KEY_FILE": str(settings.signing_key_file),
            "AERODROME_STORE": str(settings.store),
            "AERODROME_GIT_DIR": str(settings.git_dir),
        }
        return cls(checkout, {**kept, **more, **_without_owner(urls)})

    def on(self, urls: DatabaseUrls) -> Manage:
        """The same, on another database."""
        return Manage(self.checkout, self.environment | _without_owner(urls))

    def run(self, *arguments: str) -> int:
        """Its exit status; what it says goes where ours goes."""
        command = [sys.executable, "-P", str(self.checkout / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment, check=False, cwd=self.checkout).returncode


def _without_owner(urls: DatabaseUrls) -> dict[str, str]:
    found = urls.as_environment()
    found.pop("AERODROME_DATABASE_OWNER_URL")
    return found
