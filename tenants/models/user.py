"""People. A person belongs to no tenant; memberships say where they may go."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class UserManager(BaseUserManager["User"]):
    """Makes people, always through the sign-in role."""

    def create_user(self, *, username: str, email: str, password: str | None, **fields: Any) -> User:
        """A person with a hashed password (None: no password sign-in)."""
        user = self.model(username=username, email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using="auth")
        return user


class User(AbstractBaseUser):
    """Signs in by `username`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    email_verified_at = models.DateTimeField(null=True)
    """When they proved that mails to `email` reach them."""
    full_name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    """A platform operator, apart from any tenant."""
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        db_table = "user_account"
        constraints = [
            PlatformTable(name="user_account_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"})
        ]
