"""The environment of a test session, set before Django reads its settings.

Nothing of the caller's own AERODROME_* survives: a test run must never reach a real database. The addresses
of Postgres and Valkey are set when the services start (`tests.support.services`), which happens with the
first test that asks for them; until then they lead nowhere.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROLES = {
    "AERODROME_DATABASE_URL": "aerodrome_app",
    "AERODROME_DATABASE_SCHED_URL": "aerodrome_sched",
    "AERODROME_DATABASE_AUTH_URL": "aerodrome_auth",
    "AERODROME_DATABASE_OWNER_URL": "aerodrome_owner",
}
"""Variable -> the role it connects as."""


def prepare(*, folder: Path) -> None:
    """Set every variable that settings need. Called once, by `pytest_configure`."""
    ours = [name for name in os.environ if name.startswith("AERODROME_")]
    for name in (name for name in ours if not name.startswith("AERODROME_TEST_")):
        del os.environ[name]
    data = folder / "data"
    for part in ("", "run", "store", "git", "secrets"):
        (data / part).mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    os.environ.update(
        AERODROME_DATA=str(data),
        AERODROME_SECRET_KEY=secrets.token_hex(32),
        AERODROME_ENCRYPTION_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        AERODROME_SIGNING_KEY=key.decode(),
        AERODROME_REDIS_URL="unix:///not/started",
        DJANGO_SETTINGS_MODULE="controlplane.settings",
        **{name: f"postgresql://{role}@/aerodrome?host=/not/started" for name, role in ROLES.items()},
    )
