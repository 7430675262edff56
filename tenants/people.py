"""Makes people's accounts. A person belongs to no tenant; see `tenants.access` for where they may go."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from tenants.models.user import User

_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,148}[A-Za-z0-9])?")
MIN_PASSWORD = 10
MAX_PASSWORD = 1000
"""Longer ones only serve to keep the hash function busy."""


class UsernameInvalid(ValueError):
    """The text cannot be a user name."""


class EmailInvalid(ValueError):
    """The text is no address."""


class PasswordWeak(ValueError):
    """The password is too easy, or not a password."""


class UsernameTaken(ValueError):
    """Somebody has this user name."""


def register_person(*, username: str, email: str, password: str) -> User:
    """A new account that signs in by password. Raises the refusals of this module."""
    if not _USERNAME.fullmatch(username):
        raise UsernameInvalid("a user name has letters, digits and . _ @ + - inside, at most 150 characters")
    try:
        validate_email(email)
    except ValidationError as error:
        raise EmailInvalid(f"'{email[:100]}' is not an e-mail address") from error
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise PasswordWeak(f"a password has at least {MIN_PASSWORD} characters (at most {MAX_PASSWORD})")
    if password.lower() in {username.lower(), email.lower()} or len(set(password)) < 4:
        raise PasswordWeak("this password is easy to guess: choose another one")
    try:
        with transaction.atomic(using="auth"):
            return User.objects.create_user(username=username, email=email, password=password)
    except IntegrityError as error:
        raise UsernameTaken(f"the user name '{username}' is taken: choose another one") from error
