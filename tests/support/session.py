"""Loaded before any other plugin of these tests: gives the session its folder and Django its settings."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from tests.support import environment

FOLDER = Path(tempfile.mkdtemp(prefix="aero-test-"))
"""For this session's data; gone at its end."""

atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
environment.prepare(folder=FOLDER)

import django  # noqa: E402  settings read the environment

django.setup()

from django.conf import settings  # noqa: E402  as above

settings.PASSWORD_HASHERS = ["tests.support.quick_hasher.QuickHasher"]
