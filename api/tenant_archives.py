"""What the commands about archives of tenants share: how they are told, and what they refuse."""

from __future__ import annotations

from pathlib import Path

from controlplane.maintenance.archive.contents import ArchiveUnusable, PassphraseWrong
from controlplane.maintenance.archive.put import Put, TenantExists, TenantOther
from controlplane.maintenance.archive.sealing import PassphraseWeak
from controlplane.maintenance.archive.write import Exported, ExportFailed
from controlplane.secrets.contract import KeyUnavailable, SealBroken
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisations import OrganisationNameInvalid
from tenants.slugs import SlugInvalid, SlugReserved


class NobodyNamed(LookupError):
    """There is no tenant, or no person, of this name."""


REFUSALS = (
    ArchiveUnusable,
    ExportFailed,
    FileExistsError,
    KeyUnavailable,
    NobodyNamed,
    OrganisationNameInvalid,
    PassphraseWeak,
    PassphraseWrong,
    SealBroken,
    SlugInvalid,
    SlugReserved,
    TenantExists,
    TenantOther,
)
"""Their text is the whole answer."""


def tenant_named(slug: str) -> Tenant:
    """Raises NobodyNamed."""
    found = Tenant.objects.using("auth").filter(slug=slug).first()
    if found is None:
        raise NobodyNamed(f"there is no tenant '{slug}'")
    return found


def person_named(username: str) -> User:
    """Raises NobodyNamed."""
    found = User.objects.using("auth").filter(username=username, is_active=True).first()
    if found is None:
        raise NobodyNamed(f"there is no person '{username}'")
    return found


def passphrase_of(path: Path | None) -> str | None:
    """A file's first line: an argument could be seen by every account of the machine."""
    return None if path is None else path.read_text().split("\n", 1)[0]


def told(done: Exported) -> str:
    """For people."""
    manifest = done.manifest
    rows = sum(said.rows for said in manifest.tables.values())
    lines = [f"{done.path}: {rows} rows, {done.size} bytes, SHA-256 {done.sha256}"]
    if manifest.secrets == "left out":
        lines.append(f"Secrets left out: {', '.join(manifest.left_out)}")
    if manifest.missing:
        lines.append(f"Objects that were not there: {', '.join(manifest.missing)}")
    return "\n".join(lines)


def put_told(done: Put) -> str:
    """For people."""
    what = f"'{done.tenant.slug}': {done.rows} rows, {done.objects} objects"
    lines = [f"{what}; {'its own ids' if done.keeps_ids else 'new ids'}."]
    if done.aside is not None:
        lines.append(
            f"The logs that were there lie in {done.aside}: delete them when nobody misses anything."
        )
    if not done.started:
        lines.append(f"Nothing is scheduled for it yet: manage.py start_tenant {done.tenant.slug}")
    return "\n".join(lines)
