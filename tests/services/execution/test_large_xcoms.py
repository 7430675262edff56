"""Large XComs: the row names an object, reads give the value, what is too large is refused, and nothing is left over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from controlplane.execution import large_xcoms, object_files
from controlplane.execution.object_contract import ObjectGone
from controlplane.execution.object_files import ObjectFiles, ObjectKeyInvalid
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.xcom import XCom
from domain.ids import uuid7
from taskwire.agent import Operation, Report, Verdict
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Door
from tests.support.attempts import Try, running_try
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db
PATH = "xcoms/example/r1/first/return_value"
LARGE = "ü" * 3000
"""6,002 bytes as JSON."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Limits that tests can reach; the folder of the objects."""
    monkeypatch.setattr(settings, "STORE_DIR", tmp_path)
    monkeypatch.setattr(settings, "XCOM_INLINE_BYTES", 4000)
    monkeypatch.setattr(settings, "XCOM_MAX_BYTES", 20_000)
    monkeypatch.setattr(settings, "XCOM_OVER_INLINE", "spill")
    yield tmp_path / "xcoms"


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant, run_id="r1")


@pytest.fixture
def door(attempt: Try) -> Door:
    return attempt.door()


def _objects(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _put(door: Door, value: Any, path: str = PATH, **query: Any) -> Any:
    return door.call("POST", path, value, query=query or None)


def _later(hours: float = 2.0) -> int:
    return large_xcoms.sweep(now=utc_now() + timedelta(hours=hours), using="scheduler")


def test_every_read_gives_a_large_value(door: Door, tenant: Tenant, small: Path) -> None:
    for index, value in enumerate([LARGE, {"a": [LARGE]}, "short"]):
        assert _put(door, value, map_index=index).status == 201
    assert len(_objects(small)) == 2
    with tenant_scope(tenant.id):
        rows = list(XCom.objects.order_by("map_index").values_list("value", "kept_as"))
    assert [value for value, _ in rows] == [None, None, "short"]
    assert all(str(kept_as).startswith(f"{tenant.id}/") for _, kept_as in rows[:2])
    assert door.get(PATH, {"map_index": 0})["value"] == LARGE
    assert door.get(PATH, {"offset": 1})["value"] == {"a": [LARGE]}
    assert door.get(f"{PATH}/item/0").body == LARGE
    assert door.get(f"{PATH}/slice").body == [LARGE, {"a": [LARGE]}, "short"]
    assert door.call("HEAD", PATH).headers["Content-Range"] == "map_indexes 3"


def test_the_size_is_that_of_the_json(door: Door, small: Path) -> None:
    assert _put(door, "x" * 3998).status == 201
    assert _objects(small) == []
    assert _put(door, "x" * 3999).status == 201
    assert len(_objects(small)) == 1


def test_overwriting_and_deleting_leave_it_to_the_sweep(door: Door, small: Path) -> None:
    _put(door, LARGE)
    first = _objects(small)
    _put(door, LARGE + "!")
    assert door.get(PATH)["value"] == LARGE + "!"
    assert len(_objects(small)) == 2
    assert _later() == 1
    assert len(_objects(small)) == 1
    assert _objects(small) != first
    assert door.get(PATH)["value"] == LARGE + "!", "what a row names stays"
    _put(door, 1)
    assert door.get(PATH)["value"] == 1
    assert _later() == 1
    assert _objects(small) == []


def test_the_sweep_waits_for_rows_that_may_still_come(door: Door, tenant: Tenant, small: Path) -> None:
    key = f"{tenant.id}/{uuid7()}.json"
    ObjectFiles(root=small).put(key=key, data=b"1")
    (small / key).with_suffix(".part").write_bytes(b"half")
    assert _later(0.9) == 0
    assert _later(1.1) == 2
    assert _objects(small) == []


def test_the_sweep_of_one_tenant_keeps_what_others_name(
    door: Door, other_tenant: Tenant, small: Path
) -> None:
    _put(door, LARGE)
    theirs = running_try(other_tenant, run_id="r1").door()
    _put(theirs, LARGE)
    _put(theirs, 1)
    assert _later() == 1
    assert door.get(PATH)["value"] == LARGE


def test_a_stranger_reads_nothing(door: Door, other_tenant: Tenant) -> None:
    _put(door, LARGE)
    stranger = running_try(other_tenant, run_id="r1").door()
    assert stranger.get(PATH).status == 404
    assert stranger.get(f"{PATH}/item/0").status == 404
    assert stranger.get(f"{PATH}/slice").body == []


def test_a_deleted_run_takes_its_objects_along(door: Door, attempt: Try, small: Path) -> None:
    _put(door, LARGE)
    with tenant_scope(attempt.tenant.id):
        attempt.run.delete()
    assert _later() == 1
    assert _objects(small) == []


def test_a_retry_forgets_it(tenant: Tenant, small: Path) -> None:
    parsed_dag(tenant, specs.dag("large", [specs.task("only", retries=1, retry_delay_seconds=0.0)]))
    walk = walk_for(tenant)
    walk.trigger("large")
    walk.schedule()
    [work] = walk.claim()
    push = Operation(kind="xcom_set", body={"key": "k", "value": LARGE})
    assert walk.say(work, "up_for_retry", push).verdict == "accepted"
    assert len(_objects(small)) == 1
    walk.schedule()
    [again] = walk.claim()
    assert again.id == work.id
    with tenant_scope(tenant.id):
        assert not XCom.objects.exists()
    assert _later() == 1


def test_too_large_is_refused_with_what_to_do(door: Door, small: Path) -> None:
    answer = _put(door, "x" * 20_000)
    assert (answer.status, answer["detail"]["reason"]) == (413, "xcom_too_large")
    for part in (
        "'return_value'",
        "20002 bytes",
        "20000 bytes",
        "AERODROME_XCOM_MAX_BYTES",
        "object storage",
    ):
        assert part in answer["detail"]["message"]
    assert door.get(PATH).status == 404
    assert _objects(small) == []


def test_refuse_is_a_policy_too(door: Door, monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    monkeypatch.setattr(settings, "XCOM_OVER_INLINE", "refuse")
    answer = _put(door, LARGE)
    assert answer.status == 413
    assert "AERODROME_XCOM_INLINE_BYTES" in answer["detail"]["message"]
    assert _put(door, "x" * 3998).status == 201
    assert _objects(small) == []


def test_what_a_branch_chose_stays_in_its_row(door: Door) -> None:
    answer = _put(door, {"followed": [LARGE]}, path="xcoms/example/r1/first/skipmixin_key")
    assert answer.status == 413


@pytest.mark.parametrize("text", ["a\x00b" + LARGE, "\ud800" + LARGE])
def test_what_the_database_refuses_is_refused_here_too(door: Door, text: str, small: Path) -> None:
    response = door._client.post(
        f"/execution/{PATH}",
        data=json.dumps(text).encode(),
        content_type="application/json",
        headers={"authorization": f"Bearer {door.token}"},
    )
    assert response.status_code == 422
    assert _objects(small) == []


def test_a_body_beyond_all_limits(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DATA_UPLOAD_MAX_MEMORY_SIZE", 30_000)
    answer = _put(door, "x" * 40_000)
    assert (answer.status, answer["detail"]["reason"]) == (413, "body_too_large")


def test_a_slice_of_many_large_values_is_bounded(
    door: Door, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        _put(door, LARGE, map_index=index)
    monkeypatch.setattr(large_xcoms, "LEAST_ANSWER", 2 * len(LARGE))
    monkeypatch.setattr(settings, "XCOM_MAX_BYTES", 100)
    answer = door.get(f"{PATH}/slice")
    assert (answer.status, answer["detail"]["reason"]) == (413, "xcom_too_large")
    assert door.get(f"{PATH}/item/2").body == LARGE


def test_a_lost_object_is_no_empty_value(door: Door, small: Path) -> None:
    _put(door, LARGE)
    for path in _objects(small):
        path.unlink()
    assert door.get(PATH).status == 500


def _told(tenant: Tenant, *operations: Operation) -> Verdict:
    parsed_dag(tenant, specs.dag("large", [specs.task("only")]))
    walk = walk_for(tenant)
    walk.trigger("large")
    walk.schedule()
    [work] = walk.claim()
    report = Report(id=work.id, tenant_id=str(tenant.id), epoch=work.epoch, operations=list(operations))
    return walk.report(report)[0]


def test_reports_of_our_agent(tenant: Tenant, small: Path) -> None:
    push = Operation(kind="xcom_set", body={"key": "k", "value": [LARGE], "mapped_length": 1})
    verdict = _told(tenant, push, Operation(kind="state", body={"state": "success"}))
    assert verdict.verdict == "accepted"
    with tenant_scope(tenant.id):
        row = XCom.objects.get()
        assert (row.value, row.mapped_length) == (None, 1)
        assert large_xcoms.value_of(value=row.value, kept_as=row.kept_as) == [LARGE]
    assert len(_objects(small)) == 1


def test_a_report_that_is_too_large_is_refused_whole(tenant: Tenant, small: Path) -> None:
    push = Operation(kind="xcom_set", body={"key": "k", "value": "x" * 20_000})
    verdict = _told(tenant, push, Operation(kind="state", body={"state": "success"}))
    assert (verdict.verdict, verdict.reason) == ("refused", "invalid")
    assert "20002 bytes" in verdict.message
    assert _objects(small) == []
    with tenant_scope(tenant.id):
        assert not XCom.objects.exists()


@pytest.mark.parametrize("key", ["../x.json", "a/b.json", f"{uuid4()}/../{uuid4()}.json", f"/{uuid4()}.json"])
def test_keys_name_nothing_elsewhere(key: str, tmp_path: Path) -> None:
    store = ObjectFiles(root=tmp_path)
    for ask in (
        lambda: store.get(key=key),
        lambda: store.delete(key=key),
        lambda: store.put(key=key, data=b""),
    ):
        with pytest.raises(ObjectKeyInvalid):
            ask()


def test_the_store_writes_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, key = ObjectFiles(root=tmp_path), f"{uuid4()}/{uuid7()}.json"
    UUID(key[:36])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(object_files.os, "fsync", full)
        with pytest.raises(OSError, match="no room"):
            store.put(key=key, data=b"1")
    assert _objects(tmp_path) == []
    with pytest.raises(ObjectGone):
        store.get(key=key)
    store.put(key=key, data=b"1")
    assert (store.get(key=key), list(store.each())) == (b"1", [key])
    assert (tmp_path / key).stat().st_mode & 0o777 == 0o600
    store.delete(key=key)
    store.delete(key=key)
    assert list(store.each()) == []
