"""What a Git host is to us: how its webhooks are written and signed, and how it is told of a commit.

A body per host (`github.py`, `gitlab.py`, `bitbucket.py`, `gitea.py`). All of it is pure: headers and bytes in,
a push or a refusal out; a status in, a request out. `webhooks` and `commit_statuses` do the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Forged(ValueError):
    """The signature is absent or wrong. Nothing of the body is believed, not even its shape."""


class HookMalformed(ValueError):
    """Signed, and not in the form that the host documents."""


@dataclass(frozen=True, slots=True)
class Push:
    """What a webhook tells. `refs`: full names (`refs/heads/main`) -> commit, empty for a ref that is gone.

    `event` is the host's word; only a push has refs. `repositories` are `owner/name`, in lower case.
    """

    event: str
    delivery: str
    repositories: frozenset[str] = frozenset()
    refs: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A commit status as we mean it. `state`: pending, success, failure."""

    repository: str
    commit_sha: str
    state: str
    description: str
    target_url: str
    context: str = "aerodrome"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One JSON POST, `path` below the host's API."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


class GitHost(Protocol):
    """One host's forms."""

    def read_hook(self, *, headers: Mapping[str, str], body: bytes, secret: str) -> Push:
        """What the delivery says. `headers` with names in lower case; `body` as it came, byte by byte.

        Raises Forged before anything else is looked at, then HookMalformed.
        """

    def api_base(self, *, scheme: str, host: str) -> str:
        """Where the API of the installation at `host` (with its port) is."""

    def status_request(self, *, told: Told, login: str, token: str) -> ApiRequest:
        """How the host is told."""
