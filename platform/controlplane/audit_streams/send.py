"""One request with audit rows to a receiver: a signed webhook, or an object in a bucket. Within bounds, never raising.

Webhook: Standard Webhooks; `webhook-id` names chain, first and last row, so that the same rows have the same id in every
try. Bucket: one object per batch, `<prefix>/<tenant>/<first>-<last>.ndjson`, signed as AWS wants it (Signature Version
4, S3 API reference) and put with the guarded session: whoever names an endpoint must not reach the platform's inside.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.conf import settings
from requests import RequestException
from standardwebhooks import Webhook

from controlplane.secrets.egress import AddressRefused, AnswerTooLong, GuardedSession
from tenants.models.audit_stream import AuditStream

SECONDS: Final = 10.0
MOST_ANSWER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """`error` None: the receiver has the rows. `is_gone`: it wants no more. Its words are not repeated."""

    error: str | None = None
    is_gone: bool = False
    retry_after_seconds: float | None = None


def send(
    *, stream: AuditStream, secret: str, first: int, last: int, lines: list[bytes], now: datetime
) -> Answer:
    """Say it once."""
    if stream.kind == "webhook":
        url, body = stream.url, _webhook_body(stream, first, last, lines, now)
        headers = _signed(stream, secret, first, last, body, now)
        return _ask("POST", url, body, headers)
    url, body = object_url(stream, first, last), b"".join(lines)
    return _ask("PUT", url, body, _aws_headers(stream, secret, url, body))


def object_url(stream: AuditStream, first: int, last: int) -> str:
    """Where a batch goes. The bucket is in the path for stores that are not Amazon's, in the host for Amazon's."""
    parts = urlsplit(stream.url)
    prefix = parts.path.strip("/")
    name = f"{stream.tenant_id}/{first:012d}-{last:012d}.ndjson"
    key = quote(f"{prefix}/{name}" if prefix else name)
    if stream.endpoint:
        return f"{stream.endpoint.rstrip('/')}/{parts.netloc}/{key}"
    return f"https://{parts.netloc}.s3.{stream.region}.amazonaws.com/{key}"


def _webhook_body(stream: AuditStream, first: int, last: int, lines: list[bytes], now: datetime) -> bytes:
    rows = [json.loads(line) for line in lines]
    data = {"tenant": str(stream.tenant_id), "first": first, "last": last, "rows": rows}
    return json.dumps(
        {"type": "audit.rows", "timestamp": now.isoformat(), "data": data}, separators=(",", ":")
    ).encode()


def _signed(
    stream: AuditStream, secret: str, first: int, last: int, body: bytes, now: datetime
) -> dict[str, str]:
    identity = f"audit_{stream.tenant_id.hex}_{first}_{last}"
    return {
        "Content-Type": "application/json",
        "User-Agent": "Aerodrome",
        "webhook-id": identity,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(identity, now, body.decode()),
    }


def _aws_headers(stream: AuditStream, secret: str, url: str, body: bytes) -> dict[str, str]:
    request = AWSRequest(
        method="PUT",
        url=url,
        data=body,
        headers={
            "Content-Type": "application/x-ndjson",
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        },
    )
    keys = Credentials(stream.access_key_id, secret)
    S3SigV4Auth(keys, "s3", stream.region or "us-east-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def _ask(method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    host = urlsplit(url).hostname
    try:
        with GuardedSession(
            allowed=settings.NOTIFY_NETWORKS, seconds=SECONDS, most_bytes=MOST_ANSWER_BYTES
        ) as session:
            answer = session.request(method, url, data=body, headers=headers)
    except AnswerTooLong:
        return Answer(error="the answer was too long")
    except (RequestException, OSError, ValueError) as error:
        if _was_refused(error):
            return Answer(error="the address is not one of the Internet's own")
        return Answer(error=f"{type(error).__name__} at {host}")
    if answer.ok:
        return Answer()
    wait = answer.headers.get("Retry-After", "")
    return Answer(
        error=f"{host} answered {answer.status_code}",
        is_gone=answer.status_code == 410,
        retry_after_seconds=float(wait) if wait.isdigit() and len(wait) < 6 else None,
    )


def _was_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, AddressRefused):
            return True
        error = error.__cause__ or error.__context__
    return False
