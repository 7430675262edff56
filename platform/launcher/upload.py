"""Publishes a folder in a tenant through the portal's API and waits until it is in force: what CI does with a token.

Nothing but HTTP: the server reads the folder as an upload. Called by `launcher.commands.deploy`.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from launcher.validate.folder import pack
from launcher.validate.show import escaped

ANSWER_SECONDS = 90.0
LOOK_SECONDS = 1.0
_OVER = ("parsed", "failed")
_OPEN = ("waiting", "running")


class NotDeployed(Exception):
    """The server could not be asked, or does not let this token in; the message says why."""


class Refused(Exception):
    """The bundle is refused as it is: it must be mended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`number` is None when the tenant deploys by hand. `trial` is the canary's verdict, if it has one."""

    bundle_id: str
    state: str
    number: int | None
    errors: list[dict[str, Any]] = field(default_factory=list)
    dags: int = 0
    trial: dict[str, Any] | None = None

    @property
    def is_good(self) -> bool:
        """Every file could be imported, and what was to be in force is, and stays."""
        tried = self.trial is None or self.trial["state"] == "passed"
        return not self.errors and self.state in ("active", "checked") and tried


def deploy_folder(
    *, root: Path, to: str, token: str | None, message: str, seconds: float, tell: Callable[[str], None]
) -> Outcome:
    """Publish `root` and wait at most `seconds`. Raises NotDeployed, Refused, FolderUnusable."""
    server = _Server(to=to, token=token)
    until = time.monotonic() + seconds
    query = urlencode({"message": message, "wait": int(min(60.0, seconds))})
    bundle = server.ask("POST", f"bundles?{query}", pack(root))
    tell(f"{bundle['file_count']} files are bundle {bundle['id']}")
    while bundle["state"] not in _OVER:
        _wait(until, f"the bundle is {bundle['state']}, its runtime {bundle['runtime']['state']}")
        bundle = server.ask("GET", f"bundles/{bundle['id']}")
    made = _deployment(server, bundle["id"])
    while made is not None and (made["state"] == "waiting" or _is_open(made)):
        _wait(until, f"deployment {made['number']} is {made['state']}, its canary {_told(made)}")
        made = server.ask("GET", f"deployments/{made['number']}")
    summary = bundle["summary"]
    return Outcome(
        bundle_id=bundle["id"],
        state=_state(bundle, made),
        number=made["number"] if made is not None else None,
        errors=list(summary.get("errors", [])),
        dags=len(summary.get("accepted", [])),
        trial=made["canary"] if made is not None else None,
    )


def lines_of(outcome: Outcome, *, as_github: bool) -> Iterator[str]:
    """For people, or as GitHub's annotations."""
    for error in outcome.errors:
        place = f"{error['path']}:{error['line']}" if error.get("line") else error.get("path") or "the bundle"
        said = " ".join(str(error["message"]).split())
        if as_github:
            where = (
                f"file={escaped(error['path'], ',:')},line={error.get('line') or 1}"
                if error.get("path")
                else ""
            )
            yield f"::error {where}::{escaped(said)}"
        else:
            yield f"ERROR  {place}: {said}"
    if outcome.trial is not None:
        yield f"canary {outcome.trial['state']}: {' '.join(outcome.trial['message'].split())}"
    if outcome.number is None:
        yield f"bundle {outcome.bundle_id} is {outcome.state}; the tenant deploys by hand or is pinned: nothing is in force by it"
    else:
        yield f"deployment {outcome.number} is {outcome.state}: {outcome.dags} DAGs"


class _Server:
    def __init__(self, *, to: str, token: str | None) -> None:
        parts = urlsplit(to)
        words = parts.path.strip("/").split("/")
        if parts.scheme not in ("http", "https") or len(words) < 2 or words[-2] != "t":
            raise NotDeployed(f"{to} is not a tenant's address, as in https://host/t/acme")
        prefix = "/".join(words[:-2])
        base = f"{parts.scheme}://{parts.netloc}" + (f"/{prefix}" if prefix else "")
        self._base = f"{base}/api/portal/v1/tenants/{quote(words[-1], safe='')}/"
        if not token:
            raise NotDeployed("give a token that may push with --token or AERODROME_TOKEN")
        self._token = token

    def ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/octet-stream"
        request = urllib.request.Request(self._base + path, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except urllib.error.HTTPError as error:
            with error:
                said = _said(error.read())
            kind = Refused if error.code in (413, 422) else NotDeployed
            raise kind(f"the server answered {error.code}: {said}") from error
        except (OSError, ValueError) as error:
            raise NotDeployed(f"the server cannot be asked: {error}") from error


def _deployment(server: _Server, bundle_id: str) -> dict[str, Any] | None:
    """The newest one of this bundle, if pushes deploy by themselves."""
    for row in server.ask("GET", "deployments")["deployments"]:
        if row["bundle"]["id"] == bundle_id:
            return dict(row)
    return None


def _state(bundle: dict[str, Any], made: dict[str, Any] | None) -> str:
    if bundle["state"] == "failed":
        return "failed"
    return "checked" if made is None else str(made["state"])


def _is_open(made: dict[str, Any]) -> bool:
    return made["canary"] is not None and made["canary"]["state"] in _OPEN


def _told(made: dict[str, Any]) -> str:
    return made["canary"]["state"] if made["canary"] else "none"


def _wait(until: float, what: str) -> None:
    if time.monotonic() > until:
        raise NotDeployed(f"it is not over in time: {what}; it goes on by itself")
    time.sleep(LOOK_SECONDS)


def _said(content: bytes) -> str:
    try:
        told = json.loads(content)
        member = f" ({told['member']})" if told.get("member") else ""
        return f"{told.get('detail') or told.get('title')}{member}"
    except (ValueError, AttributeError):
        return content.decode(errors="replace")[:300]
