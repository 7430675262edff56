"""Fixtures for every test.

`database` gives a test an empty, migrated database, reached as the application's own roles. Tests that do not
ask for it (or for a fixture that does) start nothing. `@pytest.mark.django_db` means the same as asking.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from tests.support import cleaning, services
from tests.support.queries import QueryCounter

pytest_plugins = [
    "tests.support.session",
    "tests.support.stack",
    "tests.support.failures",
    "tests.support.actors",
    "tests.support.bao",
]  # in this order


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "django_db(transaction=True): the same as the `database` fixture")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("django_db"):
            item.fixturenames.insert(0, "database")  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def embedded() -> Iterator[services.Services]:
    """The servers of this session; started on first use."""
    with services.running() as started:
        yield started


@pytest.fixture(scope="session")
def superuser(embedded: services.Services) -> Iterator[Any]:
    """A driver connection that sees everything. For setting up and looking at the wall, never for proofs."""
    raw = psycopg2.connect(**embedded.superuser)
    raw.autocommit = True
    with contextlib.closing(raw):
        yield raw


@pytest.fixture
def database(superuser: Any) -> Iterator[None]:
    """An empty database and cache; afterwards no transaction and no tenant's scope may be left open."""
    from django.core.cache import cache
    from django.db import connections

    cleaning.empty(superuser)
    cache.clear()
    yield
    for connection in connections.all(initialized_only=True):
        left_open, scope = connection.in_atomic_block, getattr(connection, "_aerodrome_tenant", None)
        if left_open or scope:
            connection.close()
        assert not left_open, f"a transaction was left open on {connection.alias}"
        assert scope is None, f"the scope of tenant {scope} was left open on {connection.alias}"


@pytest.fixture
def count_queries(database: None) -> QueryCounter:
    """`with count_queries(4): …` fails unless exactly four statements ran, on all aliases together."""
    return QueryCounter()
