"""Audit rows arrive at webhooks and buckets: all of them, in order, again after a failure, for nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.conf import settings
from moto.server import ThreadedMotoServer
from standardwebhooks import Webhook, WebhookVerificationError

from controlplane.audit_streams import deliver
from controlplane.audit_streams.streams import StreamInvalid, StreamsFull, change_stream, make_stream
from controlplane.audit_streams.visit import visit_chains
from controlplane.foundation.clock import utc_now
from tenants.audit.chains import checkpoint_store, verify
from tenants.audit.record import record_change
from tenants.models.audit_mark import AuditMark
from tenants.models.audit_stream import AuditStream
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.audit_rows import audit_rows
from tests.support.http_sink import HttpSink


@pytest.fixture(autouse=True)
def own_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "NOTIFY_NETWORKS", [ip_network("127.0.0.0/8")])
    monkeypatch.setattr(settings, "AUDIT_CHECKPOINTS", str(tmp_path))


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as started:
        yield started


def deeds(tenant: Tenant, count: int, **more: Any) -> None:
    for number in range(count):
        with tenant_scope(tenant.id):
            record_change(**{"action": "pool.changed", "target": f"pool:{number}"} | more)


def stream(tenant: Tenant, **more: Any) -> tuple[AuditStream, str | None]:
    values: dict[str, Any] = {
        "name": "siem", "kind": "webhook", "url": "", "endpoint": "", "region": "", "access_key_id": "",
        "secret": None, "from_start": True, "by": "ada", "now": utc_now(),
    }  # fmt: skip
    with tenant_scope(tenant.id):
        return make_stream(**values | more)


def visit(after: float = 10.0) -> datetime:
    """As the worker, some time later than anything that is due by now."""
    now = utc_now() + timedelta(seconds=after)
    AuditMark.objects.using("scheduler").update(due_at=utc_now() - timedelta(seconds=1))
    visit_chains(now=now)
    return now


def arrived(sink: HttpSink) -> list[int]:
    return [row["seq"] for ask in sink.posted for row in ask.json()["data"]["rows"]]


def fresh(row: AuditStream) -> AuditStream:
    with tenant_scope(row.tenant_id):
        return AuditStream.objects.get(id=row.id)


def test_a_webhook_gets_every_row_in_order_and_signed(tenant: Tenant, sink: HttpSink) -> None:
    row, secret = stream(tenant, url=sink.url)
    deeds(tenant, 5)
    now = visit()
    assert arrived(sink) == [line["seq"] for line in audit_rows(tenant)]
    (ask,) = sink.posted
    assert secret is not None
    headers = ask.headers
    key = Webhook(secret)
    with pytest.raises(WebhookVerificationError):
        key.verify(ask.body + b" ", headers)
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    signed = key.sign(headers["webhook-id"], now, ask.body.decode())
    assert signed == headers["webhook-signature"]
    assert fresh(row).cursor == arrived(sink)[-1] and fresh(row).delivered_at == now


def test_what_comes_later_is_sent_once(tenant: Tenant, sink: HttpSink) -> None:
    stream(tenant, url=sink.url, from_start=False)
    deeds(tenant, 2)
    visit()
    visit()
    deeds(tenant, 1)
    visit()
    found = arrived(sink)
    assert found == sorted(set(found)) and len(found) == 4  # the stream's own making, and three deeds


def test_a_failure_is_tried_again_later_from_where_it_was(tenant: Tenant, sink: HttpSink) -> None:
    row, _ = stream(tenant, url=sink.url)
    sink.answers = [503]
    visit()
    failed = fresh(row)
    assert (failed.cursor, failed.attempts) == (0, 1) and "503" in failed.last_error
    assert failed.next_at is not None
    visit(after=1.0)  # not yet
    assert len(sink.posted) == 1
    visit(after=60.0)
    assert fresh(row).cursor == audit_rows(tenant)[-1]["seq"] and fresh(row).attempts == 0
    ids = [ask.headers["webhook-id"] for ask in sink.posted]
    assert ids[0] == ids[1]


def test_a_receiver_that_is_gone_is_left_alone_until_somebody_starts_it(
    tenant: Tenant, sink: HttpSink
) -> None:
    row, _ = stream(tenant, url=sink.url)
    sink.answers = [410]
    visit()
    assert fresh(row).state == "stopped"
    visit(after=90_000.0)
    assert len(sink.posted) == 1
    with tenant_scope(tenant.id):
        change_stream(stream_id=row.id, name=None, state="active", secret=None)
    visit(after=90_000.0)
    assert fresh(row).cursor > 0


def test_a_worker_that_dies_before_its_note_sends_again(
    tenant: Tenant, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream(tenant, url=sink.url)
    with monkeypatch.context() as patch:
        patch.setattr(deliver, "_note", lambda *_, **__: 1 / 0)
        visit()
    visit(after=120.0)
    found = arrived(sink)
    assert sorted(set(found)) == [line["seq"] for line in audit_rows(tenant)] and len(found) > len(set(found))


def test_many_rows_go_in_bounded_batches(
    tenant: Tenant, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "BATCH_ROWS", 3)
    monkeypatch.setattr(deliver, "BATCHES", 2)
    stream(tenant, url=sink.url)
    deeds(tenant, 7)
    visit()
    assert [len(ask.json()["data"]["rows"]) for ask in sink.posted] == [3, 3]
    visit()
    assert arrived(sink) == [line["seq"] for line in audit_rows(tenant)]


def test_large_rows_make_small_batches(
    tenant: Tenant, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "BATCH_BYTES", 1)
    stream(tenant, url=sink.url)
    deeds(tenant, 2)
    visit()
    assert {len(ask.json()["data"]["rows"]) for ask in sink.posted} == {1}
    assert arrived(sink) == [line["seq"] for line in audit_rows(tenant)]


def test_one_tenants_rows_reach_its_own_streams_only(
    tenant: Tenant, other_tenant: Tenant, sink: HttpSink
) -> None:
    stream(tenant, url=sink.url)
    deeds(other_tenant, 3, target="pool:theirs")
    visit()
    assert {ask.json()["data"]["tenant"] for ask in sink.posted} == {str(tenant.id)}
    assert "theirs" not in str([ask.body for ask in sink.posted])


def test_inner_addresses_are_not_reached(
    tenant: Tenant, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = stream(tenant, url=sink.url)
    monkeypatch.setattr(settings, "NOTIFY_NETWORKS", [])
    visit()
    assert sink.posted == [] and "Internet" in fresh(row).last_error


def test_a_bucket_gets_an_object_per_batch(tenant: Tenant) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                              aws_access_key_id="key", aws_secret_access_key="secret")  # fmt: skip
        client.create_bucket(Bucket="audit-bucket")
        row, _ = stream(tenant, kind="s3", url="s3://audit-bucket/our/prefix", endpoint=endpoint,
                        region="us-east-1", access_key_id="key", secret="secret")  # fmt: skip
        deeds(tenant, 3)
        visit()
        (held,) = client.list_objects_v2(Bucket="audit-bucket")["Contents"]
        last = fresh(row).cursor
        assert held["Key"] == f"our/prefix/{tenant.id}/000000000001-{last:012d}.ndjson"
        body = client.get_object(Bucket="audit-bucket", Key=held["Key"])["Body"].read()
        assert [json.loads(line)["seq"] for line in body.splitlines()] == list(range(1, last + 1))
        client.delete_object(Bucket="audit-bucket", Key=held["Key"])
        client.delete_bucket(Bucket="audit-bucket")
        deeds(tenant, 1)
        visit()
        assert "404" in fresh(row).last_error
    finally:
        server.stop()


def test_a_visit_signs_and_leaves_tenants_at_rest_alone(tenant: Tenant, count_queries: Any) -> None:
    deeds(tenant, 2)
    visit()
    assert not AuditMark.objects.using("scheduler").exists()
    verdict = verify(tenant.id, store=checkpoint_store())
    assert verdict.holds and verdict.signed == verdict.rows > 0
    with count_queries(3):  # the platform's checkpoint and newest row, and the marks
        visit_chains(now=utc_now())


def test_a_chain_that_moves_during_the_visit_is_visited_again(
    tenant: Tenant, sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream(tenant, url=sink.url)
    send = deliver.send

    def meanwhile(**given: Any) -> Any:
        monkeypatch.setattr(deliver, "send", send)
        monkeypatch.setattr(deliver, "BATCHES", 1)
        answer = send(**given)
        deeds(tenant, 1)
        return answer

    monkeypatch.setattr(deliver, "send", meanwhile)
    visit()
    assert AuditMark.objects.using("scheduler").count() == 1
    visit()
    assert arrived(sink) == [line["seq"] for line in audit_rows(tenant)]


def test_the_secret_is_sealed_and_on_no_row(tenant: Tenant, sink: HttpSink) -> None:
    row, secret = stream(tenant, url=sink.url)
    assert secret is not None and secret.encode() not in bytes(row.sealed_secret or b"")
    assert secret not in str(audit_rows(tenant))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://ada:secret@example.com"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://example.com", "secret": "short"}, "secret"),
        ({"kind": "s3", "url": "https://bucket"}, "url"),
        ({"kind": "s3", "url": "s3://Not_A_Bucket"}, "url"),
        ({"kind": "s3", "url": "s3://bucket"}, "region"),
        ({"kind": "s3", "url": "s3://bucket", "region": "a/../b"}, "region"),
        ({"kind": "s3", "url": "s3://bucket", "endpoint": "file:///etc"}, "endpoint"),
        ({"kind": "s3", "url": "s3://bucket", "region": "eu-west-1"}, "access_key_id"),
        ({"kind": "s3", "url": "s3://bucket", "region": "eu-west-1", "access_key_id": "k"}, "secret"),
    ],
)
def test_what_is_wrong_names_its_field(tenant: Tenant, given: dict[str, Any], field: str) -> None:
    with pytest.raises(StreamInvalid) as refused:
        stream(tenant, **given)
    assert refused.value.field == field
    with tenant_scope(tenant.id):
        assert not AuditStream.objects.exists()


def test_there_is_a_bound(tenant: Tenant) -> None:
    for number in range(5):
        stream(tenant, name=f"n{number}", url="https://example.com")
    with pytest.raises(StreamsFull):
        stream(tenant, name="one more", url="https://example.com")
