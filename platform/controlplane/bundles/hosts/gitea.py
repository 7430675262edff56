"""Gitea and Forgejo.

Source: docs.gitea.com, "Webhooks"; its API's description, `repoCreateStatus`.
"""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.bundles.hosts.contract import ApiRequest, Forged, Push, Told
from controlplane.bundles.hosts.reading import check_hmac, commit_or_gone, delivery_of, names, read_json, text


class Gitea:
    """`X-Gitea-Signature: <hex>` over the raw body (Forgejo: `X-Forgejo-Signature`)."""

    def read_hook(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Push:
        given = headers.get("x-gitea-signature") or headers.get("x-forgejo-signature") or ""
        if not given:
            raise Forged("the header X-Gitea-Signature is missing")
        check_hmac(body=body, secret=secret, given=given)
        delivery = delivery_of(headers, "x-gitea-delivery", "x-forgejo-delivery")
        event = headers.get("x-gitea-event") or headers.get("x-forgejo-event") or ""
        if event != "push":
            return Push(event=event, delivery=delivery)
        told = read_json(body)
        return Push(
            event="push",
            delivery=delivery,
            repositories=names(text(told, "repository", "full_name")),
            refs={text(told, "ref"): commit_or_gone(text(told, "after"))},
        )

    def api_base(self, *, scheme: str, host: str) -> str:
        return f"{scheme}://{host}/api/v1"

    def status_request(self, *, told: Told, login: str, token: str) -> ApiRequest:
        body = {"state": told.state, "context": told.context, "description": told.description[:255]}
        if told.target_url:
            body["target_url"] = told.target_url
        return ApiRequest(
            path=f"/repos/{told.repository}/statuses/{told.commit_sha}",
            body=body,
            headers={"Authorization": f"token {token}"},
        )
