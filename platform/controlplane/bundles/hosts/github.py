"""GitHub and GitHub Enterprise Server.

Source: docs.github.com, "Validating webhook deliveries", "Webhook events and payloads" (push, ping), "REST API
endpoints for commit statuses".
"""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.bundles.hosts.contract import ApiRequest, Forged, Push, Told
from controlplane.bundles.hosts.reading import check_hmac, commit_or_gone, delivery_of, names, read_json, text


class GitHub:
    """`X-Hub-Signature-256: sha256=<hex>` over the raw body."""

    def read_hook(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Push:
        kind, _, given = headers.get("x-hub-signature-256", "").partition("=")
        if kind != "sha256":
            raise Forged("the header X-Hub-Signature-256 is missing")
        check_hmac(body=body, secret=secret, given=given)
        delivery = delivery_of(headers, "x-github-delivery")
        event = headers.get("x-github-event", "")
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
        return "https://api.github.com" if host == "github.com" else f"{scheme}://{host}/api/v3"

    def status_request(self, *, told: Told, login: str, token: str) -> ApiRequest:
        body = {"state": told.state, "description": told.description[:140], "context": told.context}
        if told.target_url:
            body["target_url"] = told.target_url
        return ApiRequest(
            path=f"/repos/{told.repository}/statuses/{told.commit_sha}",
            body=body,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
