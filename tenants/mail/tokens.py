"""The secrets in links of mails. Each is signed from what it is about, so that none is kept anywhere.

A link for an account is void as soon as what it is about has changed (password, address, verification): good
once. Invitations are good once by their row. Source: `django.contrib.auth.tokens`, `django.core.signing`.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import signing
from django.utils.crypto import salted_hmac

from tenants.models.user import User

_INVITATION = "aerodrome.invitation"
_EMAIL_CHANGE = "aerodrome.email-change"


class LinkInvalid(ValueError):
    """The link is not one of ours, is over, or was used."""


class _ResetLinks(PasswordResetTokenGenerator):
    key_salt = "aerodrome.reset"


class _VerifyLinks(PasswordResetTokenGenerator):
    key_salt = "aerodrome.verify"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return f"{user.pk}{user.email}{user.email_verified_at}{timestamp}"


_LINKS: dict[str, PasswordResetTokenGenerator] = {"reset": _ResetLinks(), "verify": _VerifyLinks()}


def account_token(kind: str, user: User) -> str:
    """`kind`: `reset` or `verify`. Good for settings.PASSWORD_RESET_TIMEOUT seconds."""
    return f"{user.pk.hex}.{_LINKS[kind].make_token(user)}"


def read_account_token(kind: str, text: str) -> User:
    """The active account that the link is about. Raises LinkInvalid."""
    name, _, token = text.partition(".")
    try:
        user = User.objects.using("auth").filter(id=UUID(name), is_active=True).first()
    except ValueError:
        user = None
    if user is None or not _LINKS[kind].check_token(user, token):
        raise LinkInvalid("this link is over or was used: ask for a new one")
    return user


def invitation_token(invitation_id: UUID) -> str:
    return signing.dumps(invitation_id.hex, salt=_INVITATION)


def read_invitation_token(text: str) -> UUID:
    """Raises LinkInvalid."""
    try:
        return UUID(signing.loads(text, salt=_INVITATION))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid("this is no invitation of ours") from error


def email_change_token(change_id: UUID, side: str) -> str:
    """`side`: `old` or `new`, the address that the link goes to. It is over when its row is."""
    return signing.dumps([change_id.hex, side], salt=_EMAIL_CHANGE)


def read_email_change_token(text: str) -> tuple[UUID, str]:
    """Raises LinkInvalid."""
    try:
        name, side = signing.loads(text, salt=_EMAIL_CHANGE)
        return UUID(name), {"old": "old", "new": "new"}[side]
    except (signing.BadSignature, ValueError, TypeError, KeyError, AttributeError) as error:
        raise LinkInvalid("this link is over or was used: ask for the change again") from error


def sealed(purpose: str, text: str) -> str:
    """A short digest that only this installation can make, to compare with."""
    return salted_hmac(f"aerodrome.{purpose}", text, algorithm="sha256").hexdigest()
