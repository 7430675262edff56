"""Checkpoints in a bucket are put once, locked when asked, and read as they were put first; and keys that were replaced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.conf import settings
from moto.server import ThreadedMotoServer

from controlplane.foundation.clock import utc_now
from tenants.audit import chains
from tenants.audit.chains import checkpoint_store, signing_key, verify
from tenants.audit.checkpoint import Checkpoint, CheckpointStore, CheckpointThere, read_all, sign
from tenants.audit.checkpoint_bucket import CheckpointBucket
from tenants.audit.checkpoint_files import CheckpointFiles
from tenants.audit.record import record_change
from tenants.audit.sign_chain import sign_chain
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

CHAIN, OTHER = UUID(int=7), UUID(int=8)
AT = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="id",
        aws_secret_access_key="key",
    )


def bucket(s3: Any, endpoint: str, *, lock_days: int = 0) -> tuple[CheckpointBucket, str]:
    name = f"checkpoints-{uuid4().hex}"
    region = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration=region, ObjectLockEnabledForBucket=bool(lock_days)
    )
    return CheckpointBucket(
        url=f"s3://{name}/audit/here", region="eu-central-1", endpoint=endpoint, credentials="id key",
        lock_days=lock_days,
    ), name  # fmt: skip


@pytest.fixture(params=["files", "bucket", "locked bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    if request.param == "files":
        return CheckpointFiles(root=tmp_path)
    s3, endpoint = request.getfixturevalue("s3"), request.getfixturevalue("endpoint")
    return bucket(s3, endpoint, lock_days=30 if "locked" in request.param else 0)[0]


def test_every_body_keeps_the_contract(store: CheckpointStore) -> None:
    assert (store.chains(), store.read(chain=CHAIN), store.get(chain=CHAIN, number=1)) == ([], [], None)
    for number in (2, 1, 10):
        store.put(chain=CHAIN, number=number, text=f'{{"n":{number}}}')
    store.put(chain=OTHER, number=1, text="other")
    with pytest.raises(CheckpointThere):
        store.put(chain=CHAIN, number=2, text="another")
    assert [(n, text.strip()) for n, text in store.read(chain=CHAIN)] == [
        (1, '{"n":1}'),
        (2, '{"n":2}'),
        (10, '{"n":10}'),
    ]
    assert (store.get(chain=CHAIN, number=2) or "").strip() == '{"n":2}'
    assert store.get(chain=CHAIN, number=3) is None
    assert sorted(store.chains()) == [CHAIN, OTHER]


def test_a_locked_checkpoint_cannot_be_deleted_nor_hidden(s3: Any, endpoint: str) -> None:
    store, name = bucket(s3, endpoint, lock_days=30)
    store.put(chain=CHAIN, number=1, text="first")
    [version] = s3.list_object_versions(Bucket=name)["Versions"]
    key = version["Key"]
    assert key == f"audit/here/{CHAIN}/000000000001.json"
    kept = s3.head_object(Bucket=name, Key=key)
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert kept["ObjectLockRetainUntilDate"] > utc_now() + timedelta(days=29)
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=name, Key=key, VersionId=version["VersionId"])
    s3.delete_object(Bucket=name, Key=key)  # a marker over it
    assert store.read(chain=CHAIN) == [(1, "first\n")]
    s3.put_object(Bucket=name, Key=key, Body=b"forged")  # a version over it
    assert store.read(chain=CHAIN) == [(1, "first\n")]
    assert store.chains() == [CHAIN]


def test_a_bucket_without_lock_asks_for_none(s3: Any, endpoint: str) -> None:
    store, name = bucket(s3, endpoint)
    store.put(chain=CHAIN, number=1, text="first")
    kept = s3.head_object(Bucket=name, Key=f"audit/here/{CHAIN}/000000000001.json")
    assert "ObjectLockMode" not in kept


def test_a_chain_is_signed_into_the_bucket_and_held_against_it(
    tenant: Tenant, s3: Any, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, name = bucket(s3, endpoint)
    given = {"url": f"s3://{name}", "region": "eu-central-1", "endpoint": endpoint, "credentials": "id key"}
    monkeypatch.setattr(settings, "AUDIT_BUCKET", {**given, "lock_days": 0})
    assert isinstance(checkpoint_store(), CheckpointBucket)
    with tenant_scope(tenant.id):
        record_change(action="pool.changed", target="pool:a", after={"n": 1})
    sign_chain(chain=tenant.id, store=checkpoint_store(), now=utc_now(), every_seconds=1)
    verdict = verify(tenant.id, store=checkpoint_store())
    assert verdict.holds and verdict.signed == verdict.rows > 0
    assert tenant.id in checkpoint_store().chains()
    s3.delete_object(Bucket=name, Key=f"{tenant.id}/000000000001.json")
    assert verify(tenant.id, store=checkpoint_store()).signed == 0


def _points(*keys: Ed25519PrivateKey) -> list[tuple[int, str]]:
    """A chain of checkpoints, each signed with its key."""
    texts: list[tuple[int, str]] = []
    before = ""
    for number, key in enumerate(keys, start=1):
        text = sign(Checkpoint(CHAIN, number, number, bytes(32), AT, before), key=key)
        before = chains.checkpoint.digest_of_text(text)
        texts.append((number, text))
    return texts


def test_former_keys_still_verify_and_sign_nothing_new() -> None:
    old, new, stranger = (Ed25519PrivateKey.generate() for _ in range(3))
    keys = (old.public_key(), new.public_key())

    def judged(*signers: Ed25519PrivateKey) -> tuple[int, str | None]:
        good, wrong = read_all(_points(*signers), chain=CHAIN, keys=keys)
        return len(good), wrong

    assert judged(old, old, new, new) == (4, None)
    assert judged(old, old) == (2, None)
    assert judged(new) == (1, None)
    refused = "its signature is not this installation's"
    assert judged(old, new, old) == (2, f"checkpoint 3: {refused}"), (
        "a key that was taken away forges no news"
    )
    assert judged(old, stranger) == (1, f"checkpoint 2: {refused}")
    good, wrong = read_all(_points(old, new), chain=CHAIN, keys=keys[1:])
    assert (len(good), wrong) == (1, f"checkpoint 1: {refused}"), "without the former key it does not hold"


def test_the_signing_key_is_rotated_under_a_chain(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "AUDIT_CHECKPOINTS", str(tmp_path))
    public = signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    _grow_and_sign(tenant)
    fresh = (
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    )
    monkeypatch.setattr(settings, "SIGNING_KEY", fresh)
    assert verify(tenant.id, store=checkpoint_store()).finding is not None
    monkeypatch.setattr(settings, "SIGNING_KEYS_PREVIOUS", public)
    _grow_and_sign(tenant)
    verdict = verify(tenant.id, store=checkpoint_store())
    assert verdict.holds and verdict.signed == verdict.rows
    monkeypatch.setattr(settings, "SIGNING_KEYS_PREVIOUS", public + public)
    assert verify(tenant.id, store=checkpoint_store()).holds
    monkeypatch.setattr(settings, "SIGNING_KEYS_PREVIOUS", "no key")
    with pytest.raises(TypeError, match="SIGNING_KEYS_PREVIOUS"):
        verify(tenant.id, store=checkpoint_store())


def _grow_and_sign(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        record_change(action="pool.changed", target="pool:a", after={"n": 1})
    sign_chain(chain=tenant.id, store=checkpoint_store(), now=utc_now(), every_seconds=0)
