"""The hosts that we know, by the name that a remote carries."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.bundles.hosts.bitbucket import Bitbucket
from controlplane.bundles.hosts.contract import GitHost
from controlplane.bundles.hosts.gitea import Gitea
from controlplane.bundles.hosts.github import GitHub
from controlplane.bundles.hosts.gitlab import GitLab

HOSTS: Mapping[str, GitHost] = {
    "github": GitHub(),
    "gitlab": GitLab(),
    "bitbucket": Bitbucket(),
    "gitea": Gitea(),
}

SIGNED_BY = frozenset(
    {"x-hub-signature-256", "x-hub-signature", "x-gitea-signature", "x-forgejo-signature", "x-gitlab-token"}
)
"""A delivery without any of these headers is nobody's."""


def guess_host(host: str) -> str:
    """The kind of a well-known host; `other` when its name says nothing."""
    return {
        "github.com": "github",
        "gitlab.com": "gitlab",
        "bitbucket.org": "bitbucket",
        "codeberg.org": "gitea",
    }.get(host, "other")
