"""Old audit rows go behind a signed word, and only so: the rest verifies and says where it begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from controlplane.foundation.clock import utc_now
from domain.ids import uuid7
from tenants.audit import cut, record
from tenants.audit.chains import checkpoint_store, verify
from tenants.audit.cut import ChainBroken, cut_chain
from tenants.audit.record import record_change
from tenants.audit.sign_chain import sign_chain
from tenants.models.audit_checkpoint import AuditCheckpoint
from tenants.models.audit_stream import AuditStream
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.audit_rows import audit_rows
from tests.support.roles import VARIABLES, connected_as, set_tenant

NOW = utc_now()
MONTH = timedelta(days=31)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "AUDIT_CHECKPOINTS", str(tmp_path))
    return tmp_path


@pytest.fixture
def chain(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[UUID]:
    """What the tenant has, signed at row 6, three more old rows signed at 9, then two young ones: rows 10 and 11."""
    found = tenant.id
    with monkeypatch.context() as then:
        then.setattr(record, "utc_now", lambda: NOW - MONTH)
        age(found)
        grow(found, 6 - len(audit_rows(tenant)))
        sign(found)
        grow(found, 3)
        sign(found)
    grow(found, 2)
    yield found


def grow(chain: UUID, rows: int) -> None:
    for number in range(rows):
        with tenant_scope(chain):
            record_change(action="pool.changed", target=f"pool:{number}", after={"n": number})


def age(chain: UUID) -> None:
    """The fixture's own rows are of today: they go, as if there never were any."""
    owner("DELETE FROM audit_row WHERE tenant_id = %s", chain)


def sign(chain: UUID) -> None:
    sign_chain(chain=chain, store=checkpoint_store(), now=utc_now(), every_seconds=0)


def owner(statement: str, *values: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE audit_row NO FORCE ROW LEVEL SECURITY")
        try:
            cursor.execute(statement, values)
        finally:
            cursor.execute("ALTER TABLE audit_row FORCE ROW LEVEL SECURITY")


def go(chain: UUID, days: int = 30, **more: Any) -> cut.Cut:
    return cut_chain(
        chain=chain, before=NOW - timedelta(days=days), store=checkpoint_store(), now=utc_now(), **more
    )


def places(tenant: Tenant) -> list[int]:
    return [row["seq"] for row in audit_rows(tenant)]


def test_what_is_left_verifies_and_says_where_it_begins(tenant: Tenant, chain: UUID) -> None:
    assert go(chain).rows == 8
    assert places(tenant) == [9, 10, 11], "the signed row stays"
    verdict = verify(chain, store=checkpoint_store())
    assert (verdict.holds, verdict.begins, verdict.rows, verdict.signed) == (True, 9, 3, 11)
    out = StringIO()
    call_command("verify_audit", tenant.slug, stdout=out)
    assert '"kept_from":9' in out.getvalue() and '"kept_since"' in out.getvalue()
    grow(chain, 1)
    assert places(tenant)[-1] == 12 and verify(chain, store=checkpoint_store()).holds


def test_again_does_nothing_and_other_tenants_keep_theirs(
    tenant: Tenant, chain: UUID, other_tenant: Tenant
) -> None:
    grow(other_tenant.id, 2)
    before = places(other_tenant)
    go(chain)
    assert go(chain) == cut.Cut(0, False)
    assert places(tenant) == [9, 10, 11] and places(other_tenant) == before


def test_rows_without_a_checkpoint_behind_them_stay(tenant: Tenant, chain: UUID) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE audit_checkpoint NO FORCE ROW LEVEL SECURITY")
        cursor.execute("DELETE FROM audit_checkpoint WHERE tenant_id = %s AND seq = 9", [chain])
        cursor.execute("ALTER TABLE audit_checkpoint FORCE ROW LEVEL SECURITY")
    go(chain)
    assert places(tenant)[0] in (1, 6), "row 9 is nobody's word any more"


def test_what_is_kept_longer_stays(tenant: Tenant, chain: UUID) -> None:
    assert go(chain, days=32) == cut.Cut(0, False)
    assert places(tenant)[0] == 1 and verify(chain, store=checkpoint_store()).begins == 1


def test_rows_that_a_stream_has_not_delivered_stay(tenant: Tenant, chain: UUID) -> None:
    with tenant_scope(chain):
        AuditStream(
            tenant_id=chain,
            name="siem",
            kind="webhook",
            url="https://siem.example.com",
            cursor=7,
            created_at=NOW,
        ).save(force_insert=True)
    go(chain)
    assert places(tenant)[0] == 6
    with tenant_scope(chain):
        AuditStream.objects.update(state="stopped")
    go(chain)
    assert places(tenant)[0] == 9


def test_a_chain_that_was_tampered_with_is_not_cut(tenant: Tenant, chain: UUID) -> None:
    owner("UPDATE audit_row SET actor = 'nobody' WHERE tenant_id = %s AND seq = 4", chain)
    with pytest.raises(ChainBroken, match="altered"):
        go(chain)
    assert places(tenant)[0] == 1
    assert verify(chain, store=checkpoint_store()).begins == 1, "nothing was signed"


def test_a_cut_that_died_goes_on(tenant: Tenant, chain: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as dying, pytest.raises(ZeroDivisionError):
        dying.setattr(cut, "_delete", lambda *_: 1 / 0)
        go(chain)
    verdict = verify(chain, store=checkpoint_store())
    assert places(tenant)[0] == 1 and (verdict.holds, verdict.begins) == (True, 9)
    assert go(chain).rows == 8
    assert places(tenant) == [9, 10, 11]


def test_it_goes_in_spans_and_batches(tenant: Tenant, chain: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "BATCH", 2)
    assert go(chain, span=6) == cut.Cut(5, True)
    assert go(chain, span=6) == cut.Cut(3, True)
    assert places(tenant) == [9, 10, 11] and verify(chain, store=checkpoint_store()).holds


@pytest.mark.parametrize("last", [3, 8])
def test_rows_that_go_without_a_signed_word_are_missed(chain: UUID, last: int) -> None:
    """Also up to a signed row: that is no leave to delete."""
    owner("DELETE FROM audit_row WHERE tenant_id = %s AND seq <= %s", chain, last)
    finding = verify(chain, store=checkpoint_store()).finding
    assert finding is not None and (finding.kind, finding.seq) == ("removed", 1)


def test_more_than_was_said_is_missed(chain: UUID) -> None:
    go(chain)
    owner("DELETE FROM audit_row WHERE tenant_id = %s AND seq = 9", chain)
    finding = verify(chain, store=checkpoint_store()).finding
    assert finding is not None and (finding.kind, finding.seq) == ("removed", 9)


def test_a_beginning_written_anew_is_not_the_one_that_was_signed(tenant: Tenant, chain: UUID) -> None:
    from tenants.audit.entry import digest_of, link
    from tenants.audit.verify import content_of
    from tenants.models.audit_row import AuditRow

    go(chain)
    with tenant_scope(chain):
        rows = list(AuditRow.objects.order_by("seq"))
    rows[0].actor, prev = "nobody", bytes(rows[0].prev)
    for row in rows:
        digest = digest_of(content_of(row, chain=chain), chain=chain)
        hashed = link(chain=chain, seq=row.seq, prev=prev, digest=digest)
        said = "UPDATE audit_row SET actor = %s, digest = %s, prev = %s, hash = %s WHERE id = %s"
        owner(said, row.actor, digest, prev, hashed, row.id)
        prev = hashed
    finding = verify(chain, store=checkpoint_store()).finding
    assert finding is not None and finding.kind == "rewritten"


@pytest.mark.parametrize("role", VARIABLES)
def test_no_role_of_a_service_deletes_a_row_by_itself(chain: UUID, role: str) -> None:
    with connected_as(role) as connection, connection.cursor() as cursor:
        set_tenant(cursor, chain)
        with pytest.raises(Exception, match="permission denied for table"):
            cursor.execute("DELETE FROM audit_row")


@pytest.mark.parametrize("role", sorted(set(VARIABLES) - {"aerodrome_sched"}))
def test_one_role_alone_may_ask_for_a_cut(tenant: Tenant, chain: UUID, role: str) -> None:
    announce(chain, 9)
    with connected_as(role) as connection, connection.cursor() as cursor:
        set_tenant(cursor, chain)
        with pytest.raises(Exception, match="permission denied for function"):
            cursor.execute("SELECT app.cut_audit(9, 1000)")
    assert places(tenant)[0] == 1


def announce(chain: UUID, seq: int) -> None:
    """What the scheduler's role could write without the signing key."""
    with tenant_scope(chain, using="scheduler"):
        AuditCheckpoint(
            id=uuid7(), tenant_id=chain, number=99, seq=11, hash=b"x", at=NOW, kept_from=seq
        ).save(using="scheduler", force_insert=True)


def cut_as_scheduler(scope: UUID | None, seq: int) -> int:
    with connections["scheduler"].cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            set_tenant(cursor, scope)
            cursor.execute("SELECT app.cut_audit(%s, 1000)", [seq])
            found: int = cursor.fetchone()[0]
            cursor.execute("COMMIT")
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
    return found


def test_the_function_cuts_what_a_checkpoint_says_and_no_other_tenants(
    tenant: Tenant, chain: UUID, other_tenant: Tenant
) -> None:
    assert cut_as_scheduler(chain, 9) == 0, "no checkpoint says so"
    announce(chain, 8)
    assert cut_as_scheduler(chain, 8) == 0, "row 8 was never signed"
    announce_two(chain)
    assert cut_as_scheduler(other_tenant.id, 9) == 0
    assert cut_as_scheduler(None, 9) == 0
    assert places(tenant)[0] == 1
    assert cut_as_scheduler(chain, 9) == 8
    finding = verify(chain, store=checkpoint_store()).finding
    assert finding is not None and finding.kind == "removed", "the word in the database is not the signed one"


def announce_two(chain: UUID) -> None:
    with tenant_scope(chain, using="scheduler"):
        AuditCheckpoint(id=uuid7(), tenant_id=chain, number=100, seq=11, hash=b"x", at=NOW, kept_from=9).save(
            using="scheduler", force_insert=True
        )


def test_the_function_takes_nothing_young(tenant: Tenant, chain: UUID) -> None:
    sign(chain)
    announce(chain, 11)
    assert cut_as_scheduler(chain, 11) == 0
    assert places(tenant) == list(range(1, 12))
