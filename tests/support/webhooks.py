"""Deliveries of Git hosts in the forms that they document, signed as they sign."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.test import Client

from controlplane.ledger.models.git_remote import GitRemote

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "webhooks"
HOSTS = ("github", "gitlab", "bitbucket", "gitea")


@dataclass(frozen=True)
class Delivery:
    """One webhook; `body` is what is signed."""

    kind: str
    headers: dict[str, str]
    body: bytes

    def signed(self, secret: str) -> Delivery:
        digest = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        more = {
            "github": {"X-Hub-Signature-256": f"sha256={digest}"},
            "gitlab": {"X-Gitlab-Token": secret},
            "bitbucket": {"X-Hub-Signature": f"sha256={digest}"},
            "gitea": {"X-Gitea-Signature": digest, "X-Hub-Signature-256": f"sha256={digest}"},
        }[self.kind]
        return replace(self, headers={**self.headers, **more})

    def changed(self, change: Any, delivery: str = "") -> Delivery:
        """With another body (`change` gets the parsed one), and another id if one is given."""
        told = json.loads(self.body)
        change(told)
        headers = dict(self.headers)
        for name in ("X-GitHub-Delivery", "Idempotency-Key", "X-Request-UUID", "X-Gitea-Delivery"):
            if delivery and name in headers:
                headers[name] = delivery
        return replace(self, body=json.dumps(told).encode(), headers=headers)

    def send(self, remote: GitRemote, path: str | None = None) -> Any:
        """The answer of the hooks' door."""
        return Client().post(
            path or f"/hooks/git/{remote.tenant_id}/{remote.id}",
            data=self.body,
            content_type="application/json",
            headers={name: value for name, value in self.headers.items() if name != "Content-Type"},
        )


def golden(name: str) -> Delivery:
    """The delivery kept as `fixtures/webhooks/<name>.json`."""
    told = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Delivery(name.partition("_")[0], told["headers"], json.dumps(told["body"]).encode())
