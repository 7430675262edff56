"""Whom we believe to be a Git host: the system's certificate authorities, and those that the operator adds.

git takes one file of authorities and then no other, so that both are written into one; Python takes them one by one.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from django.conf import settings


def trusting_context() -> ssl.SSLContext:
    """For our own requests."""
    context = ssl.create_default_context()
    if settings.GIT_CA:
        context.load_verify_locations(cadata=settings.GIT_CA)
    return context


def all_authorities() -> str:
    """PEM for git's `http.sslCAInfo`."""
    place = ssl.get_default_verify_paths().cafile
    held = Path(place).read_text(encoding="utf-8") if place else ""
    return f"{held.rstrip()}\n{settings.GIT_CA.strip()}\n"
