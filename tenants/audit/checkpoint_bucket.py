"""Checkpoints as objects of a bucket: `<prefix>/<chain>/<number>.json`, put only where there is none.

`AERODROME_AUDIT_BUCKET` names it. With `AERODROME_AUDIT_BUCKET_LOCK_DAYS` each object is locked in compliance mode: until
the days are over nobody deletes it, not the platform's own credentials and not the account's owner. The bucket must have
been made with object lock, which is why it is asked for and not tried. Only new versions can hide a locked object; the
oldest version is therefore the one that counts.

Source: Amazon S3 API reference, PutObject ("If-None-Match", "x-amz-object-lock-mode"), ListObjectVersions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from controlplane.foundation.clock import utc_now
from tenants.audit.checkpoint import CheckpointThere

_NAME: Final = re.compile(r"([0-9a-f-]{36})/([0-9]{12})\.json", re.ASCII)
_SECONDS: Final = 10
_READERS: Final = 8
_TAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class CheckpointBucket:
    """See the contract in `checkpoint.py`."""

    def __init__(
        self,
        *,
        url: str,
        region: str,
        endpoint: str | None,
        credentials: str | None,
        lock_days: int,
    ) -> None:
        """`url`: `s3://bucket/prefix`. `credentials`: access key id and secret, with a space between; None: what the
        machine itself has."""
        parts = urlsplit(url)
        self._bucket, prefix = parts.netloc, parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._lock_days = lock_days
        key_id, _, secret = (credentials or "").strip().partition(" ")
        self._client = boto3.session.Session(
            aws_access_key_id=key_id or None,
            aws_secret_access_key=secret.strip() or None,
            region_name=region,
        ).client(
            "s3",
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                retries={"total_max_attempts": 3},
                max_pool_connections=_READERS,
                s3={"addressing_style": "path"} if endpoint else {},
            ),
        )

    def put(self, *, chain: UUID, number: int, text: str) -> None:
        key = f"{self._prefix}{chain}/{number:012d}.json"
        lock: dict[str, Any] = {}
        if self._lock_days:
            until = utc_now() + timedelta(days=self._lock_days)
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        body = text.encode() + b"\n"
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType="application/json",
                IfNoneMatch="*",
                **lock,
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _TAKEN:
                raise CheckpointThere(key) from error
            raise

    def read(self, *, chain: UUID) -> list[tuple[int, str]]:
        found = sorted(self._oldest(f"{chain}/").get(chain, {}).items())
        if not found:
            return []
        with ThreadPoolExecutor(_READERS) as readers:
            return list(readers.map(lambda each: (each[0], self._text(chain, *each)), found))

    def get(self, *, chain: UUID, number: int) -> str | None:
        there = self._oldest(f"{chain}/{number:012d}.json").get(chain, {})
        return self._text(chain, number, there[number]) if number in there else None

    def chains(self) -> list[UUID]:
        return sorted(self._oldest(""))

    def _oldest(self, below: str) -> dict[UUID, dict[int, str]]:
        """Chain -> number -> the version that was put first. What was put over it, or marked as deleted, is not asked."""
        first: dict[tuple[UUID, int], tuple[Any, str]] = {}
        pages = self._client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + below):
            for one in page.get("Versions", []):
                name = _NAME.fullmatch(one["Key"].removeprefix(self._prefix))
                if name is None:
                    continue
                place = UUID(name[1]), int(name[2])
                # Newest first within a key: of two within one second the one that is listed later is the older one.
                if place not in first or one["LastModified"] <= first[place][0]:
                    first[place] = (one["LastModified"], one["VersionId"])
        found: defaultdict[UUID, dict[int, str]] = defaultdict(dict)
        for (chain, number), (_, version_id) in first.items():
            found[chain][number] = version_id
        return found

    def _text(self, chain: UUID, number: int, version: str) -> str:
        key = f"{self._prefix}{chain}/{number:012d}.json"
        which = {} if version == "null" else {"VersionId": version}
        body = self._client.get_object(Bucket=self._bucket, Key=key, **which)["Body"].read()
        return str(body.decode(errors="replace"))
