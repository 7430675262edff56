"""Makes, changes and ends a tenant's streams, inside its scope. Secrets are sealed; what is wrong names its field."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import Max

from controlplane.secrets import store
from controlplane.secrets.contract import Place
from controlplane.secrets.embedded import KeyGone
from domain.ids import uuid7
from tenants.audit.difference import held, record_difference
from tenants.models.audit_row import AuditRow
from tenants.models.audit_stream import AuditStream
from tenants.scope import require_tenant

MOST: Final = 5
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{2,40}", re.ASCII)


class StreamInvalid(ValueError):
    """`field` is what is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class StreamUnknown(LookupError):
    """The tenant has no such stream."""


class StreamNameTaken(ValueError):
    """The tenant has a stream of this name."""


class StreamsFull(ValueError):
    """The tenant has as many as it may have."""


def make_stream(
    *,
    name: str,
    kind: str,
    url: str,
    endpoint: str,
    region: str,
    access_key_id: str,
    secret: str | None,
    from_start: bool,
    by: str,
    now: datetime,
) -> tuple[AuditStream, str | None]:
    """The stream, and the signing secret when we made it: shown once. Raises this module's refusals."""
    if AuditStream.objects.count() >= MOST:
        raise StreamsFull(f"a tenant has at most {MOST} streams: delete one first")
    if AuditStream.objects.filter(name=name).exists():
        raise StreamNameTaken(f"there is a stream '{name}' already")
    made = None
    if kind == "webhook":
        _check_http(url, "url")
        if secret is None:
            secret = made = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        _check_signing(secret)
    else:
        _check_bucket(url, endpoint, region)
        if not access_key_id:
            raise StreamInvalid("access_key_id", "a bucket needs an access key")
        if not secret:
            raise StreamInvalid("secret", "a bucket needs the access key's secret")
    newest = AuditRow.objects.aggregate(newest=Max("seq"))["newest"] or 0
    row = AuditStream(
        id=uuid7(),
        tenant_id=require_tenant(),
        name=name,
        kind=kind,
        url=url,
        endpoint=endpoint if kind == "s3" else "",
        region=region if kind == "s3" else "",
        access_key_id=access_key_id if kind == "s3" else "",
        cursor=0 if from_start else newest,
        created_by=by,
        created_at=now,
    )
    row.sealed_secret = _seal(row, secret or "")
    row.save(force_insert=True)
    _record("audit.stream.made", row, None, held(row))
    return row, made


def change_stream(*, stream_id: UUID, name: str | None, state: str | None, secret: str | None) -> AuditStream:
    """Another name, paused or active again, another secret. Active again, it is tried at once."""
    row = _locked(stream_id)
    before = held(row)
    if name is not None and name != row.name:
        if AuditStream.objects.filter(name=name).exists():
            raise StreamNameTaken(f"there is a stream '{name}' already")
        row.name = name
    if secret is not None:
        if row.kind == "webhook":
            _check_signing(secret)
        row.sealed_secret = _seal(row, secret)
    if state is not None:
        row.state = state
    row.next_at, row.attempts = None, 0
    row.save(update_fields=["name", "state", "sealed_secret", "next_at", "attempts"])
    _record("audit.stream.changed", row, before, held(row))
    return row


def end_stream(*, stream_id: UUID) -> None:
    """Gone, with its secret. Raises StreamUnknown."""
    row = _locked(stream_id)
    _record("audit.stream.ended", row, held(row), None)
    row.delete()


def secret_of(row: AuditStream, *, using: str = "default") -> str:
    """The secret in clear. Raises SealBroken, KeyUnavailable."""
    try:
        return _open(row, using)
    except KeyGone:
        row.refresh_from_db(using=using, fields=["sealed_secret"])
        return _open(row, using)


def _open(row: AuditStream, using: str) -> str:
    sealed = bytes(row.sealed_secret or b"")
    return store.current().open(sealed=sealed, place=_place(row), using=using).decode()


def _locked(stream_id: UUID) -> AuditStream:
    row = AuditStream.objects.select_for_update().filter(id=stream_id).first()
    if row is None:
        raise StreamUnknown(f"this tenant has no stream {stream_id}")
    return row


def _seal(row: AuditStream, secret: str) -> bytes:
    return store.current().seal(plain=secret.encode(), place=_place(row))


def _place(row: AuditStream) -> Place:
    return Place(tenant_id=row.tenant_id, table="audit_stream", column="sealed_secret", row_id=row.id)


def _record(
    action: str, row: AuditStream, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> None:
    target = f"audit_stream:{row.id}"
    record_difference(action=action, target=target, table=AuditStream, before=before, after=after)


def _check_http(url: str, field: str) -> None:
    """HTTPS to a host, without a user; plain HTTP where the operator allows networks of their own."""
    try:
        parts = urlsplit(url)
        fine = bool(parts.hostname) and parts.port != 0 and not parts.username and not parts.fragment
    except ValueError:
        fine = False
    schemes = ("https", "http") if settings.NOTIFY_NETWORKS else ("https",)
    if not fine or parts.scheme not in schemes:
        raise StreamInvalid(field, "give an https:// address without user name and password")


def _check_bucket(url: str, endpoint: str, region: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
        raise StreamInvalid("url", "name the bucket as s3://bucket/prefix")
    if endpoint:
        _check_http(endpoint, "endpoint")
    if not endpoint and not _REGION.fullmatch(region):
        raise StreamInvalid("region", "name the bucket's region, or the endpoint of another store")
    if region and not _REGION.fullmatch(region):
        raise StreamInvalid("region", "that is no region")


def _check_signing(secret: str) -> None:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise StreamInvalid(
            "secret", "a signing secret is whsec_ and 24 to 64 bytes in base64; or leave it out"
        )
