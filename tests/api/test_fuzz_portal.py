"""Generated requests from the portal's own description: no 5xx, and nothing that it does not tell."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from api.portal.schema import PortalGenerator
from controlplane.foundation.clock import utc_now
from tenants.access_tokens import issue_access_token
from tenants.models.tenant import Tenant
from tests.support import fuzz
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import chain


@cache
def document() -> dict[str, Any]:
    """As the server gives it: every path from the server's root."""
    made = PortalGenerator(urlconf="api.portal.urls").get_schema(request=None, public=True)
    return {**made, "paths": {f"/api/portal/v1{path}": told for path, told in made["paths"].items()}}


def _wrong(tenant: Tenant, member: Actor, wanted: list[tuple[str, str]], examples: int) -> list[str]:
    run = created_run(tenant, parsed_dag(tenant, chain("etl", 2)), run_id="r1")
    known = {"slug": [tenant.slug, tenant.slug, "nowhere"], "dag_id": ["etl"], "run_id": [run.run_id]}
    token = issue_access_token(user_id=member.user.id, username=member.user.username, now=utc_now())
    headers = {"Authorization": f"Bearer {token}"}
    narrowed = fuzz.narrowed_to(document(), known)
    return list(fuzz.mistakes(narrowed, wanted, headers=headers, examples=examples))


def _operations(*, reads: bool) -> list[tuple[str, str]]:
    return [each for each in fuzz.operations(document()) if (each[0] == "GET") == reads]


def test_reads(tenant: Tenant, actor: Any) -> None:
    wrong = _wrong(tenant, actor("Owner"), _operations(reads=True), 2)
    assert not wrong, "\n".join(wrong)


def test_changes(tenant: Tenant, actor: Any) -> None:
    wrong = _wrong(tenant, actor("Owner"), _operations(reads=False), 3)
    assert not wrong, "\n".join(wrong)


@pytest.mark.heavy
@pytest.mark.parametrize("reads", [True, False])
def test_many(tenant: Tenant, actor: Any, reads: bool) -> None:
    wrong = _wrong(tenant, actor("Owner"), _operations(reads=reads), 60)
    assert not wrong, "\n".join(wrong)
