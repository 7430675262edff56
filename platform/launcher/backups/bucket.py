"""A bucket for copies of backups, over S3's protocol: one stream in, one stream out, small objects beside them.

Source: Amazon S3 API reference, CreateMultipartUpload, UploadPart, CompleteMultipartUpload.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from launcher.backups.manifest import BucketFailed
from launcher.secret_files import read_secret
from launcher.settings import Settings

PART_BYTES: Final = 64 * 1024 * 1024
"""10,000 parts at most: 640 GB in one object."""
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 60, 5
_ABSENT = frozenset({"404", "NoSuchKey"})


class Bucket:
    """`s3://bucket/prefix`. Credentials are those of the file in the settings, or what the machine itself has."""

    def __init__(self, *, url: str, settings: Settings, part_bytes: int = PART_BYTES) -> None:
        parts = urlsplit(url)
        self._name, prefix = parts.netloc, parts.path.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._part_bytes = part_bytes
        key_id, secret = _credentials(settings.backup_copy_credentials_file)
        session = boto3.session.Session(
            aws_access_key_id=key_id, aws_secret_access_key=secret, region_name=settings.backup_copy_region
        )
        endpoint = settings.backup_copy_endpoint
        self._client = session.client(
            "s3",
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": _ATTEMPTS},
                s3={"addressing_style": "path"} if endpoint else {},
            ),
        )

    def address(self, name: str) -> str:
        """Of an object, for people."""
        return f"s3://{self._name}/{self._prefix}{name}"

    def put(self, name: str, body: bytes) -> None:
        with self._told("writing", name):
            self._client.put_object(**self._key(name), Body=body)

    def get(self, name: str) -> bytes | None:
        """None: there is none."""
        with self._told("reading", name):
            try:
                return bytes(self._client.get_object(**self._key(name))["Body"].read())
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _ABSENT:
                    return None
                raise

    def put_stream(self, name: str, fill: Callable[[io.RawIOBase], None]) -> None:
        """What `fill` writes becomes the object, when it ended; otherwise there is none."""
        with self._told("writing", name):
            upload = self._client.create_multipart_upload(**self._key(name))["UploadId"]
            into = _Parts(self._client, {**self._key(name), "UploadId": upload}, self._part_bytes)
            try:
                fill(into)
                into.complete()
            except BaseException:
                self._client.abort_multipart_upload(**self._key(name), UploadId=upload)
                raise

    @contextmanager
    def stream(self, name: str) -> Iterator[Any]:
        """The object's content, to be read once."""
        with self._told("reading", name):
            body = self._client.get_object(**self._key(name))["Body"]
            try:
                yield body
            finally:
                body.close()

    def _key(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._name, "Key": f"{self._prefix}{name}"}

    @contextmanager
    def _told(self, doing: str, name: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise BucketFailed(f"{doing} {self.address(name)} failed: {error}") from error


class _Parts(io.RawIOBase):
    def __init__(self, client: Any, key: dict[str, Any], part_bytes: int) -> None:
        self._client, self._key, self._part_bytes = client, key, part_bytes
        self._held, self._done = bytearray(), list[dict[str, Any]]()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._held += data
        while len(self._held) >= self._part_bytes:
            self._send(bytes(self._held[: self._part_bytes]))
            del self._held[: self._part_bytes]
        return memoryview(data).nbytes

    def complete(self) -> None:
        if self._held:
            self._send(bytes(self._held))
        self._client.complete_multipart_upload(**self._key, MultipartUpload={"Parts": self._done})

    def _send(self, body: bytes) -> None:
        number = len(self._done) + 1
        said = self._client.upload_part(**self._key, PartNumber=number, Body=body)
        checksums = {name: value for name, value in said.items() if name.startswith("Checksum")}
        checksums.pop("ChecksumType", None)
        self._done.append({"PartNumber": number, "ETag": said["ETag"], **checksums})


def _credentials(path: Path | None) -> tuple[str | None, str | None]:
    if path is None:
        return None, None
    key_id, _, secret = read_secret(path=path).strip().partition(" ")
    return key_id, secret.strip()
