"""The aliases of `settings.DATABASES` are roles in one database, so rows read as one may meet rows of another."""

from __future__ import annotations

from typing import Any


class OneDatabase:
    """Relations are allowed between any two aliases. A tenant's rows are never written as the sign-in role."""

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True

    def db_for_write(self, model: Any, *, instance: Any = None, **_: Any) -> str | None:
        """A row that hangs on a tenant read at sign-in is the application's, not the sign-in role's."""
        if model._meta.app_label == "django_celery_beat":
            return "scheduler"
        alias = getattr(getattr(instance, "_state", None), "db", None)
        return "default" if alias == "auth" and model._meta.app_label != "tenants" else None

    db_for_read = db_for_write
