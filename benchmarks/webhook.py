"""From a commit at a Git host to runnable: its signed webhook, the fetch by TLS, the parse, the switch."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.deploy import Clone, wait_visible
from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of, tell
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.peers.git_host import GitHost, git_host
from benchmarks.peers.product import Tenant, open_product

REST_SECONDS = 3.0
"""Between two commits: a remote is looked at every other second at most."""


@dataclass(frozen=True)
class Delivered:
    """Seconds since the host began to send the webhook."""

    answered: float
    visible: float


def main(argv: list[str]) -> int:
    options = parser("webhook", __doc__ or "", rounds=10, peers=("none",)).parse_args(argv)
    rounds = 3 if options.quick and not options.rounds else rounds_of(options)
    report = Report("webhook", read_machine())
    with tempfile.TemporaryDirectory(prefix="aerodrome-bench-") as folder:
        with git_host(Path(folder)) as host:
            # A stack that runs already must have been started with these.
            os.environ.setdefault("AERODROME_GIT_NETWORKS", "127.0.0.0/8")
            os.environ.setdefault("AERODROME_GIT_CA", host.pem)
            with open_product() as product:
                found = _measure(product.tenant, host, Path(folder) / "work", rounds)
    report.metrics = [
        Metric("webhook answered", "s", {OURS: [one.answered for one in found]}),
        Metric("webhook to runnable", "s", {OURS: [one.visible for one in found]}, floor=5),
    ]
    report.notes.append(
        "runnable: the API shows the DAG as it was committed; one of its two files changes each time"
    )
    report.details = {"deliveries": [asdict(one) for one in found]}
    return finish(report, options)


def _measure(tenant: Tenant, host: GitHost, work: Path, rounds: int) -> list[Delivered]:
    work.mkdir()
    clone = Clone(work, tenant, url=str(host.repository))
    portal = f"/api/portal/v1/tenants/{tenant.slug}/remote"
    mark = clone.change()
    clone.push()
    body = {"url": host.url, "ref": "main", "auth": "none", "host_kind": "github", "poll_seconds": 3600}
    tenant.portal.call("PUT", portal, body)
    tell("warm-up: builds the runtime if there is none")
    wait_visible(tenant, mark)
    hook = tenant.portal.call("POST", f"{portal}/webhook-secret")
    found = []
    for _ in range(rounds):
        time.sleep(REST_SECONDS)
        mark = clone.change()
        clone.push()
        began = time.monotonic()
        _deliver(hook, clone.head())
        answered = time.monotonic() - began
        found.append(Delivered(answered, wait_visible(tenant, mark) - began))
        tell(f"answered {found[-1].answered:.2f} s, visible {found[-1].visible:.2f} s")
    return found


def _deliver(hook: dict[str, str], commit: str) -> None:
    told = {"ref": "refs/heads/main", "after": commit, "repository": {"full_name": "owner/dags"}}
    body = json.dumps(told).encode()
    signature = hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest()
    request = urllib.request.Request(
        hook["webhook_url"],
        data=body,
        headers={
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": secrets.token_hex(8),
            "X-Hub-Signature-256": f"sha256={signature}",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        if not json.load(answer)["accepted"]:
            raise RuntimeError("the webhook was not taken")
