"""The settings as the type checker's Django plugin reads them: the real ones, given what a stack would give.

Named in pyproject.toml (`[tool.django-stubs]`). Nothing is connected to: only names and types count.
"""

from __future__ import annotations

import os

_GIVEN = {
    "AERODROME_SECRET_KEY": "not-a-key",
    "AERODROME_ENCRYPTION_KEY": "not-a-key",
    "AERODROME_SIGNING_KEY": "not-a-key",
    "AERODROME_REDIS_URL": "redis://nowhere.invalid",
    **{
        f"AERODROME_DATABASE_{role}URL": "postgresql://nobody@nowhere.invalid/nothing"
        for role in ("", "SCHED_", "AUTH_")
    },
}
for name, value in _GIVEN.items():
    os.environ.setdefault(name, value)

from controlplane.settings import *  # noqa: E402, F403
