"""Channels of a tenant: what each kind needs, checked; credentials sealed in their row.

What people may read back is `config`; what opens a door (URLs of chat rooms too) is `secret`, is sealed, and is never
read back. Called by the portal inside the tenant's scope; `deliver.py` opens them.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from domain.ids import uuid7
from tenants.scope import require_tenant

KINDS = ("email", "slack", "pagerduty", "teams", "webhook")
MOST = 100
_ADDRESS = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}\.[^@\s,;<>\".]{2,63}")
_ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")


class ChannelInvalid(ValueError):
    """A field of it cannot be what it is; `field` names it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class ChannelTaken(ValueError):
    """The tenant has a channel of this name, or as many as there may be."""


class ChannelUnknown(LookupError):
    """The tenant has no such channel."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A channel's kind with what may be read and what is sealed."""

    config: dict[str, Any]
    secret: dict[str, str]


def check(*, kind: str, config: Mapping[str, Any], secret: Mapping[str, Any]) -> Parts:
    """Exactly the fields of the kind. Raises ChannelInvalid."""
    if kind not in KINDS:
        raise ChannelInvalid("kind", f"one of {', '.join(KINDS)}")
    wanted = {"email": ({"to"}, set()), "pagerduty": ({"region"}, {"routing_key"})}.get(
        kind, (set(), {"url"})
    )
    if kind == "webhook":
        wanted = (set(), {"url", "signing_secret"})
    for name, given, known in (("config", config, wanted[0]), ("secret", secret, wanted[1])):
        for field in given:
            if field not in known:
                raise ChannelInvalid(f"{name}.{field}", f"a channel of kind {kind} has no such field")
    if kind == "email":
        return Parts({"to": _addresses(config.get("to"))}, {})
    if kind == "pagerduty":
        region, key = config.get("region", "us"), secret.get("routing_key")
        if region not in ("us", "eu"):
            raise ChannelInvalid("config.region", "us or eu")
        if not isinstance(key, str) or not _ROUTING_KEY.fullmatch(key):
            raise ChannelInvalid(
                "secret.routing_key", "the 32 letters and digits of an Events API v2 integration"
            )
        return Parts({"region": region}, {"routing_key": key})
    found = {"url": _url(secret.get("url"))}
    if kind == "webhook":
        found["signing_secret"] = _signing_secret(secret.get("signing_secret"))
    return Parts({}, found)


def put(
    *,
    channel: AlertChannel | None,
    name: str,
    kind: str,
    is_enabled: bool,
    config: Mapping[str, Any],
    secret: Mapping[str, Any] | None,
    now: datetime,
) -> AlertChannel:
    """A new one, or `channel` changed; without `secret` it keeps its own. Raises ChannelInvalid, ChannelTaken."""
    row = channel or AlertChannel(
        id=uuid7(), tenant_id=require_tenant(), kind=kind, created_at=now, version=0
    )
    if channel is not None and kind != channel.kind:
        raise ChannelInvalid("kind", "a channel keeps its kind: make another one")
    kept = secret is None and channel is not None
    parts = check(kind=kind, config=config, secret=secret_of(row) if kept else (secret or {}))
    others = AlertChannel.objects.exclude(id=row.id)
    if others.filter(name=name).exists():
        raise ChannelTaken(f"there is a channel named {name!r}")
    if channel is None and others.count() >= MOST:
        raise ChannelTaken(f"a tenant has at most {MOST} channels")
    row.name, row.is_enabled, row.config, row.updated_at = name, is_enabled, parts.config, now
    row.version += 1
    if not kept:
        row.sealed = _seal(row, parts.secret) if parts.secret else None
    row.save(force_insert=channel is None)
    return row


def secret_of(channel: AlertChannel, *, using: str = "default") -> dict[str, str]:
    """What is sealed. Raises SealBroken, KeyUnavailable."""
    if channel.sealed is None:
        return {}
    plain = store.current().open(sealed=bytes(channel.sealed), place=_place(channel, using), using=using)
    found: dict[str, str] = json.loads(plain)
    return found


def find(channel: UUID) -> AlertChannel:
    """Raises ChannelUnknown."""
    row = AlertChannel.objects.filter(id=channel).first()
    if row is None:
        raise ChannelUnknown(f"this tenant has no channel {channel}")
    return row


def _seal(row: AlertChannel, secret: dict[str, str]) -> bytes:
    return store.current().seal(plain=json.dumps(secret).encode(), place=_place(row, "default"))


def _place(row: AlertChannel, using: str) -> Place:
    return Place(tenant_id=require_tenant(using=using), table="alert_channel", column="sealed", row_id=row.id)


def _addresses(given: Any) -> list[str]:
    if not isinstance(given, list) or not 1 <= len(given) <= 20:
        raise ChannelInvalid("config.to", "a list of 1 to 20 addresses")
    for one in given:
        if not isinstance(one, str) or not one.isprintable() or not _ADDRESS.fullmatch(one):
            raise ChannelInvalid("config.to", f"{str(one)[:100]!r} is no e-mail address")
    return list(dict.fromkeys(given))


def _url(given: Any) -> str:
    """https only, unless operators allow networks of their own; where it leads is looked at each time it is used."""
    why = "an address that begins with https://"
    schemes = {"https", "http"} if settings.NOTIFY_NETWORKS else {"https"}
    if not isinstance(given, str) or len(given) > 2000 or not given.isascii() or not given.isprintable():
        raise ChannelInvalid("secret.url", why)
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        raise ChannelInvalid("secret.url", why) from None
    if (
        parts.scheme not in schemes
        or not parts.hostname
        or parts.username
        or parts.password
        or port == 0
        or " " in given
    ):
        raise ChannelInvalid("secret.url", why)
    return given


def _signing_secret(given: Any) -> str:
    """As Standard Webhooks writes it: `whsec_` and base64 of 24 to 64 bytes."""
    try:
        key = base64.b64decode(str(given).removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not isinstance(given, str) or not given.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ChannelInvalid("secret.signing_secret", "`whsec_` followed by base64 of 24 to 64 random bytes")
    return given
