"""A person's second factors: set up, listed, used, removed. As the sign-in role.

An app's code and a recovery code are good once, by compare-and-set in the row: two requests with the same one
do not both pass. Recovery codes come with the first factor and go with the last.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from domain.ids import uuid7
from tenants.audit.record import record_platform_change
from tenants.factors import totp
from tenants.factors.refusals import KeyRefused
from tenants.factors.seal import seal, unseal
from tenants.models.sign_in_factor import SignInFactor
from tenants.models.user import User
from tenants.sessions import end_sessions

RECOVERY_CODES = 10
MOST_FACTORS = 20
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike."""


class FactorUnknown(LookupError):
    """The person has no such factor, or none that waits to be confirmed."""


class FactorRefused(Exception):
    """The code or the key's answer is wrong, over, or was used."""


class TooManyFactors(Exception):
    """More are not kept."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """`recovery_codes` are shown once, with the first factor; None with later ones."""

    factor: SignInFactor
    recovery_codes: list[str] | None


def factors_of(*, user_id: UUID) -> QuerySet[SignInFactor, Any]:
    """Those in use, without recovery codes; nothing secret."""
    rows = _confirmed(user_id).exclude(kind="recovery")
    found: QuerySet[SignInFactor, Any] = rows.values("id", "kind", "name", "created_at", "last_used_at")
    return found


def recovery_codes_left(*, user_id: UUID) -> int:
    return int(_confirmed(user_id).filter(kind="recovery").count())


def kinds_of(*, user_id: UUID) -> list[str]:
    """What the person may prove themselves with; empty: the password is enough."""
    kinds = set(_confirmed(user_id).values_list("kind", flat=True))
    return sorted(kinds) if kinds - {"recovery"} else []


def begin_totp(*, user: User, now: datetime) -> tuple[SignInFactor, str, str]:
    """(the row that waits to be confirmed, the secret, its address for a QR code). Raises TooManyFactors."""
    secret = totp.new_secret()
    row = _new(user, "totp", "Authenticator app", now)
    row.sealed = seal(secret, row=_row(row.id))
    row.save(using="auth", force_insert=True)
    return row, secret, totp.address_of(secret, username=user.username, issuer="Aerodrome")


def confirm_totp(
    *, user: User, factor_id: UUID, code: str, name: str, now: datetime, keep: UUID | None = None
) -> Confirmed:
    """With a first code, so that nobody locks themselves out. The first factor ends all sign-ins but `keep`: they were
    made without one. Raises FactorUnknown, FactorRefused."""
    with transaction.atomic(using="auth"):
        row = _waiting(user, factor_id, "totp")
        counter = totp.matching_counter(_secret(row), code, now=now, after=row.counter)
        if counter is None:
            raise FactorRefused("this code is not the app's present one: is the clock of the device right?")
        row.counter, row.confirmed_at, row.name = counter, now, name or row.name
        row.save(using="auth", update_fields=["counter", "confirmed_at", "name"])
        return Confirmed(row, _with_first(user, row, now, keep))


def begin_key(*, user: User) -> tuple[str, dict[str, Any]]:
    """(challenge, options for the browser). Raises TooManyFactors."""
    _check_room(user)
    begun: tuple[str, dict[str, Any]] = _webauthn().begin_registration(user, list(_keys(user.id).values()))
    return begun


def confirm_key(
    *,
    user: User,
    challenge: str,
    answer: dict[str, Any],
    name: str,
    now: datetime,
    keep: UUID | None = None,
) -> Confirmed:
    """The first factor ends all sign-ins but `keep`. Raises FactorRefused."""
    try:
        key = _webauthn().end_registration(user, challenge, answer)
    except KeyRefused as error:
        raise FactorRefused(str(error)) from error
    row = _new(user, "webauthn", name or "Security key", now)
    row.sealed, row.confirmed_at = seal(key, row=_row(row.id)), now
    with transaction.atomic(using="auth"):
        row.save(using="auth", force_insert=True)
        return Confirmed(row, _with_first(user, row, now, keep))


def ask_key(*, user: User) -> tuple[str, dict[str, Any]] | None:
    """(challenge, options for the browser), for a person who has keys."""
    keys = _keys(user.id)
    return _webauthn().begin_authentication(user, list(keys.values())) if keys else None


def use_code(*, user: User, code: str, now: datetime) -> str:
    """An app's code or a recovery code; the kind that it was. Raises FactorRefused."""
    code = code.strip().lower()
    for row in _confirmed(user.id).filter(kind="totp"):
        counter = totp.matching_counter(_secret(row), code, now=now, after=row.counter)
        if counter is not None:
            rows = SignInFactor.objects.using("auth").filter(id=row.id, counter__lt=counter)
            if rows.update(counter=counter, last_used_at=now):
                return "totp"
    gone, _ = _confirmed(user.id).filter(kind="recovery", digest=_digest(user.id, code)).delete()
    if gone:
        return "recovery"
    raise FactorRefused("this code is wrong, over, or was used")


def use_key(*, user: User, challenge: str, answer: dict[str, Any], now: datetime) -> str:
    """Raises FactorRefused."""
    try:
        name, counter = _webauthn().end_authentication(user, challenge, _keys(user.id), answer)
    except KeyRefused as error:
        raise FactorRefused(str(error)) from error
    _count_use(name, counter, now)
    return "webauthn"


def _count_use(name: str, counter: int, now: datetime) -> None:
    rows = SignInFactor.objects.using("auth").filter(id=UUID(name))
    if counter:  # a counter that does not rise is a copied key (Web Authentication, 6.1.1); 0: it keeps none
        rows = rows.filter(counter__lt=counter)
    if not rows.update(counter=counter, last_used_at=now):
        raise FactorRefused("this key's counter has not risen: it may have been copied")


def use_passkey(*, challenge: str, answer: dict[str, Any], now: datetime) -> User:
    """Whoever the key belongs to, which has asked for a PIN, a finger or a face itself. Raises FactorRefused."""
    try:
        owner = _webauthn().owner_of(answer)
        user = User.objects.using("auth").filter(id=owner, is_active=True).first()
        keys = _keys(user.id) if user is not None else {}
        name, counter = _webauthn().end_passkey(challenge, keys, answer)
    except KeyRefused as error:
        raise FactorRefused(str(error)) from error
    _count_use(name, counter, now)
    found: User = SignInFactor.objects.using("auth").select_related("user").get(id=UUID(name)).user
    return found


def begin_passkey() -> tuple[str, dict[str, Any]]:
    """(challenge, options for the browser), for whoever holds a passkey of this site."""
    begun: tuple[str, dict[str, Any]] = _webauthn().begin_passkey()
    return begun


def renew_recovery_codes(*, user: User, now: datetime) -> list[str]:
    """New ones; the old ones open nothing any more. Raises FactorUnknown where there is no factor."""
    with transaction.atomic(using="auth"):
        User.objects.using("auth").select_for_update().get(id=user.id)
        if not kinds_of(user_id=user.id):
            raise FactorUnknown("set up an app or a key first")
        codes = _make_recovery_codes(user, now)
        record_platform_change(action="recovery_codes.renewed", target=f"user:{user.id}")
    return codes


def remove_factor(*, user: User, factor_id: UUID) -> None:
    """Recovery codes go with the last one. Raises FactorUnknown."""
    with transaction.atomic(using="auth"):
        User.objects.using("auth").select_for_update().get(id=user.id)
        rows = SignInFactor.objects.using("auth").filter(user_id=user.id).exclude(kind="recovery")
        gone, _ = rows.filter(id=factor_id).delete()
        if not gone:
            raise FactorUnknown(f"you have no second factor {factor_id}")
        if not kinds_of(user_id=user.id):
            SignInFactor.objects.using("auth").filter(user_id=user.id, kind="recovery").delete()
        record_platform_change(action="factor.removed", target=f"user:{user.id}")


def _webauthn() -> Any:
    """Loaded when somebody has a key: most processes never see one."""
    from tenants.factors import webauthn

    return webauthn


def _new(user: User, kind: str, name: str, now: datetime) -> SignInFactor:
    _check_room(user)
    return SignInFactor(id=uuid7(), user=user, kind=kind, name=name, created_at=now)


def _check_room(user: User) -> None:
    rows = SignInFactor.objects.using("auth").filter(user_id=user.id).exclude(kind="recovery")
    if rows.count() >= MOST_FACTORS:
        raise TooManyFactors(f"at most {MOST_FACTORS} second factors are kept: remove one first")


def _confirmed(user_id: UUID) -> Any:
    return SignInFactor.objects.using("auth").filter(user_id=user_id, confirmed_at__isnull=False)


def _waiting(user: User, factor_id: UUID, kind: str) -> SignInFactor:
    rows = SignInFactor.objects.using("auth").select_for_update()
    row = rows.filter(id=factor_id, user_id=user.id, kind=kind, confirmed_at=None).first()
    if row is None:
        raise FactorUnknown("nothing waits to be confirmed: begin again")
    return row


def _keys(user_id: UUID) -> dict[str, str]:
    return {str(row.id): _secret(row) for row in _confirmed(user_id).filter(kind="webauthn")}


def _secret(row: SignInFactor) -> str:
    return unseal(row.sealed or b"", row=_row(row.id))


def _row(factor_id: UUID) -> str:
    return f"sign_in_factor:{factor_id}"


def _with_first(user: User, row: SignInFactor, now: datetime, keep: UUID | None) -> list[str] | None:
    others = _confirmed(user.id).exclude(id=row.id).exists()
    codes = None if others else _make_recovery_codes(user, now)
    if not others:
        end_sessions(user_id=user.id, now=now, because="second factor set up", but=keep)
    record_platform_change(action="factor.added", target=f"user:{user.id}", after={"kind": row.kind})
    return codes


def _make_recovery_codes(user: User, now: datetime) -> list[str]:
    rows = SignInFactor.objects.using("auth")
    rows.filter(user_id=user.id, kind="recovery").delete()
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(RECOVERY_CODES)]
    shown = [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]
    rows.bulk_create(
        SignInFactor(
            user=user, kind="recovery", digest=_digest(user.id, code), created_at=now, confirmed_at=now
        )
        for code in shown
    )
    return shown


def _digest(user_id: UUID, code: str) -> str:
    """Of 59 random bits, with the platform's key: a dump of the table alone cannot be searched for it."""
    text = f"recovery:{user_id}:{code.replace('-', '')}"
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
