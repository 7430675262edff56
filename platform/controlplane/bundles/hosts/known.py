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


def guess_host(host: str) -> str:
    """The kind of a well-known host; `other` when its name says nothing."""
    return {
        "github.com": "github",
        "gitlab.com": "gitlab",
        "bitbucket.org": "bitbucket",
        "codeberg.org": "gitea",
    }.get(host, "other")
