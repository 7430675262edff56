"""GitLab.

Its webhooks carry the secret itself (`X-Gitlab-Token`), not a signature: the body is only as trustworthy as the
TLS that it came through. Source: docs.gitlab.com, "Webhooks", "Webhook events" (push, tag push), "Commits API"
(set the pipeline status of a commit).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from controlplane.bundles.hosts.contract import ApiRequest, Push, Told
from controlplane.bundles.hosts.reading import (
    check_token,
    commit_or_gone,
    delivery_of,
    names,
    read_json,
    text,
)

_STATES = {"pending": "pending", "success": "success", "failure": "failed"}


class GitLab:
    """`X-Gitlab-Event-UUID` names a delivery; the newer `Idempotency-Key` stays the same when it is repeated."""

    def read_hook(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Push:
        check_token(secret=secret, given=headers.get("x-gitlab-token", ""))
        delivery = delivery_of(headers, "idempotency-key", "x-gitlab-event-uuid")
        event = headers.get("x-gitlab-event", "")
        if event not in ("Push Hook", "Tag Push Hook"):
            return Push(event=event, delivery=delivery)
        told = read_json(body)
        return Push(
            event="push",
            delivery=delivery,
            repositories=names(text(told, "project", "path_with_namespace")),
            refs={text(told, "ref"): commit_or_gone(text(told, "after"))},
        )

    def api_base(self, *, scheme: str, host: str) -> str:
        return f"{scheme}://{host}/api/v4"

    def status_request(self, *, told: Told, login: str, token: str) -> ApiRequest:
        body = {"state": _STATES[told.state], "name": told.context, "description": told.description[:255]}
        if told.target_url:
            body["target_url"] = told.target_url
        return ApiRequest(
            path=f"/projects/{quote(told.repository, safe='')}/statuses/{told.commit_sha}",
            body=body,
            headers={"PRIVATE-TOKEN": token},
        )
