from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.models.tenant import Tenant
from tests.support.alerting import Desk
from tests.support.http_sink import HttpSink


@pytest.fixture
def desk(tenant: Tenant) -> Iterator[Desk]:
    """A tenant, its scheduler and agent, and a receiver."""
    with HttpSink() as sink:
        yield Desk(tenant, sink)
