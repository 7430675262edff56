"""Passwords of tests: the product's way, 1,000 times cheaper. `tests/unit/test_password_hashing.py` looks at the real one."""

from __future__ import annotations

from django.contrib.auth.hashers import ScryptPasswordHasher


class QuickHasher(ScryptPasswordHasher):
    """What it made says by itself how much work it was, so processes with the product's hasher check it too."""

    work_factor = 2**4
