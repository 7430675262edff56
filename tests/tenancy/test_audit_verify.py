"""Whoever owns the database tampers with a chain, in each way; verification names the first row that shows it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from controlplane.foundation.clock import utc_now
from tenants.audit.chains import checkpoint_store, signing_key, verify
from tenants.audit.entry import PLATFORM, digest_of, link
from tenants.audit.record import record_change, record_platform_change
from tenants.audit.sign_chain import sign_chain
from tenants.audit.verify import content_of
from tenants.models.audit_row import AuditRow
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

SET_SEQ = "UPDATE {table} SET seq = %s WHERE seq = %s"


@pytest.fixture(params=["tenant", "platform"])
def chain(request: pytest.FixtureRequest, tenant: Tenant, settings_folder: Path) -> UUID:
    """Ten rows, the first eight signed."""
    del settings_folder
    found = tenant.id if request.param == "tenant" else PLATFORM
    grow(found, 8 - length(found))
    sign_chain(chain=found, store=checkpoint_store(), now=utc_now(), every_seconds=1)
    grow(found, 2)
    return found


@pytest.fixture
def settings_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from django.conf import settings

    monkeypatch.setattr(settings, "AUDIT_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path / "checkpoints"


def length(chain: UUID) -> int:
    return verify(chain, store=checkpoint_store()).rows


def grow(chain: UUID, rows: int) -> None:
    for number in range(rows):
        if chain == PLATFORM:
            record_platform_change(action="plan.changed", target=f"plan:{number}", after={"n": number})
        else:
            with tenant_scope(chain):
                record_change(action="pool.changed", target=f"pool:{number}", after={"n": number})


def tamper(chain: UUID, statement: str, *values: Any) -> None:
    """As the owner, who can take the wall down for it."""
    table = "platform_audit_row" if chain == PLATFORM else "audit_row"
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        try:
            cursor.execute(statement.format(table=table), values)
        finally:
            cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def found(chain: UUID) -> tuple[str, int] | None:
    finding = verify(chain, store=checkpoint_store()).finding
    return (finding.kind, finding.seq) if finding else None


def test_an_untouched_chain_holds(chain: UUID) -> None:
    verdict = verify(chain, store=checkpoint_store())
    assert (verdict.holds, verdict.rows, verdict.signed) == (True, 10, 8)


@pytest.mark.parametrize("column", ["actor", "action", "target", "after", "outcome", "address"])
def test_an_altered_row_is_named(chain: UUID, column: str) -> None:
    tamper(chain, f"UPDATE {{table}} SET {column} = '{{{{}}}}' WHERE seq = 4")
    assert found(chain) == ("altered", 4)


@pytest.mark.parametrize(
    "change", ["at + interval '1 microsecond'", "'infinity'", "'-infinity'", "at - interval '4051 years'"]
)
def test_an_instant_that_was_altered_is_named(chain: UUID, change: str) -> None:
    """Also one whose text would be the same but for its era."""
    tamper(chain, f"UPDATE {{table}} SET at = {change} WHERE seq = 4")
    assert found(chain) == ("altered", 4)


def test_a_row_altered_with_its_digest_is_named(chain: UUID) -> None:
    row = rows_of(chain)[3]
    row.actor = "somebody else"
    digest = digest_of(content_of(row, chain=chain), chain=chain)
    tamper(chain, "UPDATE {table} SET actor = 'somebody else', digest = %s WHERE seq = 4", digest)
    assert found(chain) == ("altered", 4)


def test_a_row_altered_with_digest_and_hash_is_named_by_the_next(chain: UUID) -> None:
    row = rows_of(chain)[3]
    row.actor = "somebody else"
    digest = digest_of(content_of(row, chain=chain), chain=chain)
    hashed = link(chain=chain, seq=4, prev=bytes(row.prev), digest=digest)
    tamper(
        chain,
        "UPDATE {table} SET actor = 'somebody else', digest = %s, hash = %s WHERE seq = 4",
        digest,
        hashed,
    )
    assert found(chain) == ("altered", 5)


def test_a_chain_written_anew_is_not_the_one_that_was_signed(chain: UUID) -> None:
    """Everything from row 4 on is consistent in itself: only the checkpoint knows."""
    rows = rows_of(chain)
    prev = bytes(rows[2].hash)
    for row in rows[3:]:
        if row.seq == 4:
            row.actor = "somebody else"
        digest = digest_of(content_of(row, chain=chain), chain=chain)
        hashed = link(chain=chain, seq=row.seq, prev=prev, digest=digest)
        tamper(chain, "UPDATE {table} SET actor = %s, digest = %s, prev = %s, hash = %s WHERE seq = %s",
               row.actor, digest, prev, hashed, row.seq)  # fmt: skip
        prev = hashed
    verdict = verify(chain, store=checkpoint_store())
    assert verdict.finding is not None and verdict.finding.kind == "rewritten"
    assert "checkpoint 1" in verdict.finding.what


def test_a_removed_row_is_named(chain: UUID) -> None:
    tamper(chain, "DELETE FROM {table} WHERE seq = 5")
    assert found(chain) == ("removed", 5)


def test_a_removed_row_is_named_though_the_rest_moved_up(chain: UUID) -> None:
    tamper(chain, "DELETE FROM {table} WHERE seq = 5")
    for seq in range(6, 11):
        tamper(chain, SET_SEQ, seq - 1, seq)
    assert found(chain) == ("removed", 5)


def test_two_rows_that_changed_places_are_named(chain: UUID) -> None:
    for to, seq in ((-1, 5), (5, 6), (6, -1)):
        tamper(chain, SET_SEQ, to, seq)
    assert found(chain) == ("reordered", 5)


def test_a_row_moved_to_the_end_is_named(chain: UUID) -> None:
    tamper(chain, SET_SEQ, 11, 3)
    assert found(chain) == ("reordered", 3)


def test_a_row_between_two_others_is_named(chain: UUID) -> None:
    for seq in range(10, 4, -1):
        tamper(chain, SET_SEQ, seq + 1, seq)
    grow(chain, 1)  # a good row at the end, which the owner moves to the gap
    tamper(chain, SET_SEQ, 5, 12)
    assert found(chain) is not None and found(chain)[1] == 5  # type: ignore[index]


def test_a_chain_that_was_cut_off_is_found_by_the_checkpoint(chain: UUID) -> None:
    tamper(chain, "DELETE FROM {table} WHERE seq > 6")
    assert found(chain) == ("cut off", 7)


def test_a_chain_that_was_emptied_too(chain: UUID) -> None:
    tamper(chain, "DELETE FROM {table}")
    assert found(chain) == ("cut off", 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"seq":8', '"seq":6'),
        lambda text: json.dumps(json.loads(text) | {"signature": base64.b64encode(bytes(64)).decode()}),
        lambda text: "",
        lambda text: "[]",
    ],
)
def test_a_checkpoint_that_was_tampered_with_is_named(
    chain: UUID, settings_folder: Path, change: Callable[[str], str]
) -> None:
    (file,) = (settings_folder / str(chain)).glob("*.json")
    file.chmod(0o600)
    file.write_text(change(file.read_text()))
    assert found(chain) == ("checkpoint", 0)


def test_a_checkpoint_that_is_gone_is_missed_by_the_next(chain: UUID, settings_folder: Path) -> None:
    sign_chain(chain=chain, store=checkpoint_store(), now=utc_now() + timedelta(hours=1), every_seconds=1)
    assert found(chain) is None
    (settings_folder / str(chain) / "000000000001.json").unlink()
    assert found(chain) == ("checkpoint", 10)


def test_a_checkpoint_of_another_chain_does_not_pass(chain: UUID, settings_folder: Path) -> None:
    (file,) = (settings_folder / str(chain)).glob("*.json")
    other = settings_folder / str(UUID(int=7))
    other.mkdir()
    (other / file.name).write_text(file.read_text())
    verdict = verify(UUID(int=7), store=checkpoint_store())
    assert verdict.finding is not None and "another place" in verdict.finding.what


def test_the_command_names_the_row_and_fails(tenant: Tenant, settings_folder: Path) -> None:
    del settings_folder
    grow(tenant.id, 3)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {line["chain"] for line in lines} >= {"platform", str(tenant.id)}
    assert all(line["holds"] for line in lines)
    tamper(tenant.id, "UPDATE {table} SET actor = 'x' WHERE seq = 2")
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1 chains"):
        call_command("verify_audit", tenant.slug, stdout=out)
    assert json.loads(out.getvalue())["row"] == 2


def test_signing_waits_until_it_is_due_and_goes_on_after_a_crash(
    tenant: Tenant, settings_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = checkpoint_store(), utc_now()
    grow(tenant.id, 2)
    first = sign_chain(chain=tenant.id, store=store, now=now, every_seconds=300)
    grow(tenant.id, 1)
    again = sign_chain(chain=tenant.id, store=store, now=now + timedelta(seconds=10), every_seconds=300)
    assert (again.seq, again.again_at) == (first.seq, now + timedelta(seconds=300))
    with monkeypatch.context() as patch:
        patch.setattr("tenants.audit.sign_chain._remember", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sign_chain(chain=tenant.id, store=store, now=now + timedelta(seconds=301), every_seconds=300)
    assert len(list((settings_folder / str(tenant.id)).iterdir())) == 2
    sign_chain(chain=tenant.id, store=store, now=now + timedelta(seconds=302), every_seconds=300)
    verdict = verify(tenant.id, store=store)
    assert verdict.holds and verdict.signed == verdict.rows
    assert signing_key() is not None


def rows_of(chain: UUID) -> list[Any]:
    if chain == PLATFORM:
        from tenants.models.audit_row import PlatformAuditRow

        return list(PlatformAuditRow.objects.using("auth").order_by("seq"))
    with tenant_scope(chain):
        return list(AuditRow.objects.order_by("seq"))
