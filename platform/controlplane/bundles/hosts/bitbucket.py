"""Bitbucket Cloud.

One delivery may name several refs. Source: support.atlassian.com, "Manage webhooks" (X-Hub-Signature), "Event
payloads" (repo:push); developer.atlassian.com, "Commit statuses".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from controlplane.bundles.hosts.contract import ApiRequest, Forged, HookMalformed, Push, Told
from controlplane.bundles.hosts.reading import MOST_REFS, check_hmac, delivery_of, names, read_json, text

_STATES = {"pending": "INPROGRESS", "success": "SUCCESSFUL", "failure": "FAILED"}
_KINDS = {"branch": "refs/heads/", "named_branch": "refs/heads/", "tag": "refs/tags/"}


class Bitbucket:
    """`X-Hub-Signature: sha256=<hex>` over the raw body; `X-Request-UUID` names the delivery."""

    def read_hook(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Push:
        kind, _, given = headers.get("x-hub-signature", "").partition("=")
        if kind != "sha256":
            raise Forged("the header X-Hub-Signature is missing, or is not of sha256")
        check_hmac(body=body, secret=secret, given=given)
        delivery = delivery_of(headers, "x-request-uuid")
        event = headers.get("x-event-key", "")
        if event != "repo:push":
            return Push(event=event, delivery=delivery)
        told = read_json(body)
        changes = told.get("push", {}).get("changes") if isinstance(told.get("push"), dict) else None
        if not isinstance(changes, list) or len(changes) > MOST_REFS:
            raise HookMalformed("push.changes is missing or too long")
        return Push(
            event="push",
            delivery=delivery,
            repositories=names(text(told, "repository", "full_name")),
            refs=dict(_ref(change) for change in changes),
        )

    def api_base(self, *, scheme: str, host: str) -> str:
        return "https://api.bitbucket.org/2.0" if host == "bitbucket.org" else f"{scheme}://{host}/2.0"

    def status_request(self, *, told: Told, login: str, token: str) -> ApiRequest:
        basic = base64.b64encode(f"{login}:{token}".encode()).decode()
        plain = not login or login == "x-token-auth"
        return ApiRequest(
            path=f"/repositories/{told.repository}/commit/{told.commit_sha}/statuses/build",
            body={
                "key": told.context,
                "name": told.context,
                "state": _STATES[told.state],
                "description": told.description[:255],
                "url": told.target_url,
            },
            headers={"Authorization": f"Bearer {token}" if plain else f"Basic {basic}"},
        )


def _ref(change: Any) -> tuple[str, str]:
    new = change.get("new") if isinstance(change, dict) else None
    side = new or (change.get("old") if isinstance(change, dict) else None)
    prefix = _KINDS.get(text(side, "type"))
    if prefix is None:
        raise HookMalformed("push.changes has a ref that is neither branch nor tag")
    return prefix + text(side, "name"), text(new, "target", "hash") if new else ""
