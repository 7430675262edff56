"""Makes people's accounts. A person belongs to no tenant; see `tenants.access` for where they may go."""

from __future__ import annotations

import re

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from tenants.models.user import User

_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,148}[A-Za-z0-9])?")
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
    check_email(email)
    check_new_password(password, User(username=username, email=email))
    try:
        with transaction.atomic(using="auth"):
            return User.objects.create_user(username=username, email=email, password=password)
    except IntegrityError as error:
        raise UsernameTaken(f"the user name '{username}' is taken: choose another one") from error


def check_email(email: str) -> None:
    """Raises EmailInvalid."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise EmailInvalid(f"'{email[:100]}' is not an e-mail address") from error


def check_new_password(password: str, user: User) -> None:
    """The rules are settings.AUTH_PASSWORD_VALIDATORS: length, not a common one, not like the name or the
    address. Raises PasswordWeak with everything that is wrong."""
    if len(password) > MAX_PASSWORD or "\x00" in password:
        raise PasswordWeak(f"a password has at most {MAX_PASSWORD} characters, and no NUL among them")
    if len(set(password)) < 4:
        raise PasswordWeak("this password is easy to guess: choose another one")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordWeak(" ".join(error.messages)) from error
