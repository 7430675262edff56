"""A tenant's data keys change while tasks read and write: nobody notices, and the old keys go."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections as links
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.connection import Connection
from controlplane.ledger.models.data_key import DataKey
from controlplane.ledger.models.variable import Variable
from controlplane.secrets import connections, rotate, store, variables
from controlplane.secrets.contract import KeyUnavailable, Place
from controlplane.secrets.embedded import EmbeddedStore
from controlplane.secrets.key_encryption import LocalKeys
from controlplane.secrets.rotate import rotate_tenant, sealed_columns
from domain.ids import uuid7
from tenants.models.audit_stream import AuditStream
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.children import PATHS, ROOT


def put(key: str, value: str) -> None:
    variables.put(key=key, value=value, description=None, now=utc_now())


def fill(tenant: Tenant, count: int = 10) -> None:
    with tenant_scope(tenant.id):
        for number in range(count):
            put(f"k{number}", f"v{number}")
        connections.put(conn_id="with", conn_type="http", password="p", now=utc_now())
        connections.put(conn_id="without", conn_type="http", now=utc_now())


def keys(tenant: Tenant) -> list[Any]:
    with tenant_scope(tenant.id):
        return list(DataKey.objects.order_by("id").values_list("id", flat=True))


def keys_in_use(tenant: Tenant) -> set[bytes]:
    with tenant_scope(tenant.id):
        sealed = [
            *Variable.objects.values_list("sealed", flat=True),
            *Connection.objects.exclude(sealed=None).values_list("sealed", flat=True),
        ]
        return {bytes(each)[1:17] for each in sealed}


def test_all_of_it_is_sealed_anew(tenant: Tenant, other_tenant: Tenant) -> None:
    fill(tenant)
    fill(other_tenant, 1)
    [old], theirs = keys(tenant), keys(other_tenant)
    done = rotate_tenant(tenant_id=tenant.id, batch=3)
    assert (done.resealed, done.retired, done.kept, done.unreadable) == (11, 1, 0, 0)
    [new] = keys(tenant)
    assert new != old
    assert keys_in_use(tenant) == {new.bytes}
    assert keys(other_tenant) == theirs
    store._embedded.cache_clear()  # as a process that just started: no key in memory
    with tenant_scope(tenant.id):
        assert variables.get("k7") == "v7"
        assert connections.get("with")["password"] == "p"
        assert connections.get("without")["password"] is None


def test_a_tenant_without_secrets(tenant: Tenant) -> None:
    done = rotate_tenant(tenant_id=tenant.id)
    assert (done.resealed, done.retired) == (0, 0)
    assert keys(tenant) == []


def test_while_tasks_read_and_write(tenant: Tenant) -> None:
    """Readers with an empty memory and writers race with five rotations: every read is a whole value."""
    fill(tenant, 6)
    over, wrong, counts = threading.Event(), [], {"read": 0, "written": 0}

    def read() -> None:
        try:
            while not over.is_set():
                store._embedded.cache_clear()
                with tenant_scope(tenant.id):
                    for number in range(6):
                        value = variables.get(f"k{number}")
                        if not value.startswith(f"v{number}"):
                            wrong.append(f"k{number} is {value}")
                        counts["read"] += 1
                    for row in Variable.objects.all():
                        variables.value_of(row)
                    assert connections.get("with")["password"] == "p"
        except Exception as error:
            wrong.append(repr(error))
        finally:
            links["default"].close()

    def write() -> None:
        try:
            number = 0
            while not over.is_set():
                number += 1
                with tenant_scope(tenant.id):
                    put(f"k{number % 6}", f"v{number % 6} {number}")
                counts["written"] += 1
        except Exception as error:
            wrong.append(repr(error))
        finally:
            links["default"].close()

    threads = [threading.Thread(target=act, daemon=True) for act in (read, read, write)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            done = rotate_tenant(tenant_id=tenant.id, batch=2)
            assert done.kept == done.unreadable == 0
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert wrong == []
    assert counts["read"] > 20
    assert counts["written"] > 3
    assert keys_in_use(tenant) <= {key.bytes for key in keys(tenant)}


def test_a_writer_keeps_the_key_that_he_seals_with(tenant: Tenant) -> None:
    """He sealed with the old key and has not committed: the key is not retired before, and then it is still needed."""
    fill(tenant, 1)
    sealing, go_on = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with tenant_scope(tenant.id):
                put("late", "v")
                sealing.set()
                assert go_on.wait(30)
        finally:
            links["default"].close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert sealing.wait(30)
    done: list[rotate.Rotated] = []

    def turn() -> None:
        try:
            done.append(rotate_tenant(tenant_id=tenant.id))
        finally:
            links["default"].close()

    turner = threading.Thread(target=turn, daemon=True)
    turner.start()
    turner.join(1.0)
    assert turner.is_alive(), "it waits for the writer"
    go_on.set()
    turner.join(30)
    writer.join(30)
    assert done[0].kept == 1, "the late row names the old key"
    store._embedded.cache_clear()
    with tenant_scope(tenant.id):
        assert variables.get("late") == "v"
    again = rotate_tenant(tenant_id=tenant.id)
    assert (again.resumed, again.resealed, again.retired, again.kept) == (True, 1, 1, 0)


def test_killed_in_the_middle_and_resumed(tenant: Tenant) -> None:
    """SIGKILL in its third batch: two batches are sealed anew, both keys open, and the next run ends it."""
    fill(tenant)
    [old] = keys(tenant)
    died = subprocess.run(
        [sys.executable, "manage.py", "rotate_secrets", "--tenant", tenant.slug, "--batch", "2"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": PATHS, "AERODROME_CRASH": "secrets.rotate.before_commit:3"},
        capture_output=True,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(keys(tenant)) == 2
    assert len(keys_in_use(tenant)) == 2, "half of it names the new key, half the old one"
    store._embedded.cache_clear()
    with tenant_scope(tenant.id):
        assert [variables.get(f"k{number}") for number in range(10)] == [f"v{number}" for number in range(10)]
    said = StringIO()
    call_command("rotate_secrets", tenant=tenant.slug, stdout=said)
    assert said.getvalue() == (
        f"{tenant.slug}: resumed, 8 sealed anew, 1 old keys deleted, 0 kept, 0 rows unreadable\n"
    ), "the connection and one batch of variables were done"
    assert old not in keys(tenant)


def test_a_row_that_does_not_open_keeps_its_key(tenant: Tenant) -> None:
    fill(tenant, 3)
    with tenant_scope(tenant.id):
        row = Variable.objects.get(key="k1")
        Variable.objects.filter(id=row.id).update(sealed=bytes(row.sealed)[:-1] + b"\x00")
    with pytest.raises(CommandError, match="still needed"):
        call_command("rotate_secrets", tenant=tenant.slug, stdout=StringIO())
    assert len(keys(tenant)) == 2
    with tenant_scope(tenant.id):
        assert variables.get("k0") == "v0"


NEW = base64.b64encode(os.urandom(32)).decode()


def test_a_new_key_encryption_key(tenant: Tenant, other_tenant: Tenant) -> None:
    """The new one opens nothing before the rotation but through the previous one, and all of it after."""
    fill(tenant, 2)
    fill(other_tenant, 2)
    former = settings.ENCRYPTION_KEY
    with override_settings(ENCRYPTION_KEY=NEW):
        with tenant_scope(tenant.id), pytest.raises(KeyUnavailable, match="KEYS_PREVIOUS"):
            variables.get("k0")
        with override_settings(ENCRYPTION_KEYS_PREVIOUS=(former,)):
            with tenant_scope(tenant.id):
                assert variables.get("k0") == "v0"
            call_command("rotate_secrets", all=True, stdout=StringIO())
        for each in (tenant, other_tenant):
            with tenant_scope(each.id):
                assert variables.get("k1") == "v1"


def test_a_rotation_that_was_interrupted_before_the_key_changed(tenant: Tenant) -> None:
    """Older keys are left, but the newest is not wrapped with the present key: a newer one is made."""
    fill(tenant, 2)
    former = settings.ENCRYPTION_KEY
    with tenant_scope(tenant.id):
        EmbeddedStore(encryption_key=former).rotate(tenant_id=tenant.id)
    with override_settings(ENCRYPTION_KEY=NEW, ENCRYPTION_KEYS_PREVIOUS=(former,)):
        done = rotate_tenant(tenant_id=tenant.id)
    assert (done.resumed, done.retired) == (False, 2)
    with tenant_scope(tenant.id):
        [row] = DataKey.objects.all()
    assert LocalKeys(current=NEW).is_current(row.kek_id)


def test_the_columns_are_found_not_listed() -> None:
    found = {(model._meta.db_table, column) for model, column in sealed_columns()}
    assert {("variable", "sealed"), ("connection", "sealed"), ("audit_stream", "sealed_secret")} <= found


def test_the_credentials_of_an_audit_stream_open_afterwards(tenant: Tenant) -> None:
    fill(tenant, 1)
    with tenant_scope(tenant.id):
        row = AuditStream(
            id=uuid7(), tenant_id=tenant.id, name="siem", kind="webhook", url="https://siem.example.com",
            next_at=utc_now(), created_by="somebody", created_at=utc_now(),
        )  # fmt: skip
        place = Place(tenant_id=tenant.id, table="audit_stream", column="sealed_secret", row_id=row.id)
        row.sealed_secret = store.current().seal(plain=b"whsec", place=place)
        row.save(force_insert=True)
    rotate_tenant(tenant_id=tenant.id)
    with tenant_scope(tenant.id):
        row.refresh_from_db()
        assert store.current().open(sealed=bytes(row.sealed_secret or b""), place=place) == b"whsec"


def test_unknown_tenant(tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="no tenant 'nobody'"):
        call_command("rotate_secrets", tenant="nobody", stdout=StringIO())
