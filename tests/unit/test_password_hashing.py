"""What the product hashes passwords with; tests in one process use less work (`tests/support/quick_hasher.py`)."""

from __future__ import annotations

from django.contrib.auth.hashers import get_hashers_by_algorithm
from django.test import override_settings

from controlplane import settings

LEAST_WORK = 2**14
"""N of scrypt, with r=8: 16 MiB and about 50 ms a guess."""


def test_the_product_takes_scrypt_with_enough_work() -> None:
    with override_settings(PASSWORD_HASHERS=settings.PASSWORD_HASHERS):
        [(algorithm, hasher)] = get_hashers_by_algorithm().items()
        assert algorithm == "scrypt"
        made = hasher.decode(hasher.encode("a password", hasher.salt()))
    assert made["work_factor"] >= LEAST_WORK and made["block_size"] >= 8


def test_what_tests_made_is_looked_at_with_the_products_own() -> None:
    from tests.support.quick_hasher import QuickHasher

    with override_settings(PASSWORD_HASHERS=settings.PASSWORD_HASHERS):
        theirs = get_hashers_by_algorithm()["scrypt"]
        assert theirs.verify("a password", QuickHasher().encode("a password", "salt"))
        assert theirs.must_update(QuickHasher().encode("a password", "salt")), "and made anew with more work"
