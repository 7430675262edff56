"""Ours: the stack that runs on the data folder, or one started for the bench; a new tenant for each bench.

Everything goes through the public doors: sign-up, upload, REST.
"""

from __future__ import annotations

import io
import os
import secrets
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure.report import OURS
from benchmarks.peers.rest import Rest
from launcher.detached import RunningStack, running_stack
from launcher.secret_files import read_secret
from launcher.status_file import read_status

CHECKOUT = Path(__file__).resolve().parents[2]
# A first runtime is built from its lock: that is a download.
PUBLISH_SECONDS = 900
ZYGOTE, CHILD = "zygote", "tasks, spares, keepers"


class NotPublished(Exception):
    """The bundle was refused or not parsed; the message says what the product said."""


class Tenant:
    """One tenant, signed up by the bench, with its owner's token."""

    def __init__(self, *, base_url: str, slug: str) -> None:
        self.slug = slug
        self.portal = Rest(base_url=base_url)
        answer = self.portal.call(
            "POST",
            "/api/portal/v1/sign-up",
            {
                "username": slug,
                "email": f"{slug}@example.com",
                "password": secrets.token_urlsafe(24),
                "tenant": slug,
            },
        )
        self.portal.token = answer["access_token"]
        self.git: dict[str, str] = answer["git"]
        self.rest = Rest(base_url=f"{base_url}/t/{slug}", token=answer["access_token"])

    def upload(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """Publish these files and wait until they are parsed; returns the bundle version."""
        bundles = f"/api/portal/v1/tenants/{self.slug}/bundles"
        bundle = self.portal.call("POST", f"{bundles}?wait=60", _zip(files), kind="application/zip")
        deadline = time.monotonic() + PUBLISH_SECONDS
        while bundle["state"] not in ("parsed", "failed") and time.monotonic() < deadline:
            time.sleep(0.2)
            bundle = self.portal.call("GET", f"{bundles}/{bundle['id']}")
        if bundle["state"] != "parsed":
            raise NotPublished(f"the bundle is {bundle['state']}: {bundle['summary']}")
        return dict(bundle)


class Product:
    """``System`` for our own stack."""

    name = OURS

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.tenant = self.sign_up("bench")

    @property
    def rest(self) -> Rest:
        return self.tenant.rest

    def sign_up(self, prefix: str) -> Tenant:
        """A new tenant with a name that was never used."""
        return Tenant(base_url=self.stack.base_url, slug=f"{prefix}-{secrets.token_hex(4)}")

    def publish(self, files: Mapping[str, Path], *, dag_ids: list[str]) -> None:
        self.tenant.upload({name: path.read_bytes() for name, path in files.items()})
        for dag_id in dag_ids:
            self.rest.unpause(dag_id)

    def roots(self) -> dict[int, str]:
        status = read_status(data=self.stack.data, now=time.time())
        found = {row["pid"]: row["name"] for row in status["processes"] if row["pid"]}
        return {status["supervisor_pid"]: "supervisor", **found}

    def label(self, command: str) -> str | None:
        if command.startswith("aerodrome-zygote") or "aerodrome_runtime.zygote" in command:
            return ZYGOTE
        return (
            CHILD if command.startswith(("aerodrome-spare", "aerodrome-task", "aerodrome-keeper")) else None
        )

    def reaped_as(self, name: str) -> str:
        return CHILD if name == ZYGOTE else name

    def runtime_python(self) -> Path | None:
        """The Python of a tenant runtime on this machine, None before the first is built."""
        found = sorted((self.stack.data / "agent" / "runtimes").glob("*/bin/python"))
        return found[0] if found else None

    def database(self) -> dict[str, object] | None:
        if not self.stack.facts["database"]["embedded"]:
            return None
        folder = self.stack.data / "postgres" / "socket"
        password = read_secret(path=self.stack.data / "secrets" / "postgres-superuser")
        return {"host": str(folder), "port": 5432, "user": "postgres", "password": password,
                "dbname": "aerodrome"}  # fmt: skip


@contextmanager
def open_product() -> Iterator[Product]:
    """The stack on ``AERODROME_DATA``: the one that runs there, or one that ends with the block."""
    with running_stack(checkout=CHECKOUT, environment=os.environ, tell=_tell) as stack:
        yield Product(stack)


def _zip(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
