"""A tenant is made once, whole, and by its name only once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from controlplane.bundles.furnish import furnish as furnish_all
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.tenant_lease import TenantLease
from tenants.access import find_access
from tenants.models.tenant import Tenant
from tenants.models.token import Token
from tenants.provision import Provisioned, SlugTaken, provision_tenant
from tenants.scope import tenant_scope
from tenants.slugs import SlugInvalid, SlugReserved
from tenants.tokens import verify_token
from tests.support.factories import make_person

pytestmark = pytest.mark.usefixtures("database")


def provision(slug: str, furnish: Callable[[], None] | None = None, **more: object) -> Provisioned:
    owner = more.pop("owner", None) or make_person()
    furnish = furnish or partial(furnish_all, now=utc_now())
    return provision_tenant(slug=slug, name="", owner=owner, now=utc_now(), furnish=furnish)  # type: ignore[arg-type]


def test_a_new_tenant_has_everything() -> None:
    owner = make_person()
    made = provision("alpha", owner=owner)
    assert made.tenant.state == "active"
    assert made.git_token is not None
    subject = verify_token(text=made.git_token.text, kind="git", now=utc_now())
    assert subject is not None and subject.tenant_slug == "alpha"
    access = find_access(user_id=owner.id, slug="alpha")
    assert access is not None and access.role == "Owner"
    with tenant_scope(made.tenant.id):
        assert list(Pool.objects.values_list("name", "slots")) == [("default_pool", 128)]
        assert TenantLease.objects.get().id == made.tenant.id
        assert Runtime.objects.get().state == "queued"


def test_the_same_call_again_changes_nothing() -> None:
    owner = make_person()
    first = provision("alpha", owner=owner)
    again = provision("alpha", owner=owner)
    assert again.tenant.id == first.tenant.id
    assert again.git_token is None
    with tenant_scope(first.tenant.id):
        assert (Pool.objects.count(), Runtime.objects.count(), Token.objects.count()) == (1, 1, 1)


def test_a_call_that_died_halfway_is_mended_by_the_next() -> None:
    owner = make_person()

    def die() -> None:
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"):
        provision("alpha", die, owner=owner)
    assert Tenant.objects.using("auth").get(slug="alpha").state == "provisioning"
    assert find_access(user_id=owner.id, slug="alpha") is None
    assert provision("alpha", owner=owner).git_token is not None
    assert find_access(user_id=owner.id, slug="alpha") is not None


def test_a_taken_name_is_refused_to_everybody_else() -> None:
    provision("alpha")
    with pytest.raises(SlugTaken):
        provision("alpha")


@pytest.mark.parametrize("slug", ["", "A", "1a", "a_b", "a--b", "-a", "a-", "a/b", "x" * 64, "a\x00"])
def test_what_cannot_be_a_name_is_refused(slug: str) -> None:
    with pytest.raises(SlugInvalid):
        provision(slug)
    assert not Tenant.objects.using("auth").exists()


def test_the_platforms_own_names_are_refused() -> None:
    with pytest.raises(SlugReserved):
        provision("api")
