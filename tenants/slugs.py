"""Which names a tenant may have: they become paths, folders, host names and Git remotes."""

from __future__ import annotations

from domain.ids import is_slug

RESERVED = frozenset(
    [
        "admin",
        "aerodrome",
        "agent",
        "api",
        "app",
        "assets",
        "auth",
        "docs",
        "execution",
        "git",
        "health",
        "healthz",
        "help",
        "hooks",
        "internal",
        "login",
        "logout",
        "me",
        "metrics",
        "monitor",
        "new",
        "null",
        "operator",
        "operators",
        "platform",
        "portal",
        "root",
        "security",
        "settings",
        "sign-in",
        "sign-up",
        "signup",
        "static",
        "status",
        "support",
        "system",
        "t",
        "tenant",
        "tenants",
        "undefined",
        "v1",
        "v2",
        "www",
    ]
)


class SlugInvalid(ValueError):
    """The text cannot name a tenant."""


class SlugReserved(ValueError):
    """The platform keeps this name for itself."""


def check_slug(slug: str) -> None:
    """Raise `SlugInvalid` or `SlugReserved` with the mend; otherwise do nothing."""
    if not is_slug(slug):
        raise SlugInvalid(
            f"'{slug[:80]}' cannot name a tenant: use a lower-case letter first, then lower-case letters, "
            "digits and single hyphens, at most 40 letters and digits"
        )
    if slug in RESERVED:
        raise SlugReserved(f"'{slug}' is kept for the platform: choose another name")
