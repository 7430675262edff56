"""Here a tenant is one of the running stack, not a row in the test's own database."""

from tests.support.stack import tenant  # noqa: F401  replaces the `tenant` of tests.support.actors
