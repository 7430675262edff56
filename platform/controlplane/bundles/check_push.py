"""The pre-receive hook: refuses a push whose deployed branch cannot become a bundle, before any ref moves.

Run by git as a program of its own, beside the incoming objects, which are still in quarantine. Standard input
has a line `old new ref` per ref; what is printed reaches the pusher. Limits and the deployed branches come in
the environment, set by `http_backend`. Imports nothing of Django: a push should not wait for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from controlplane.bundles.git import GitFailed, git_environment
from controlplane.bundles.git_tree import list_tree
from controlplane.bundles.limits import Limits
from controlplane.bundles.refusal import BundleRefused

BRANCHES = "AERODROME_DEPLOY_BRANCHES"
LIMITS = "AERODROME_BUNDLE_LIMITS"


def hook_variables(*, branches: tuple[str, ...], limits: Limits) -> dict[str, str]:
    """The environment that tells the hook what to check."""
    numbers = (limits.total_bytes, limits.files, limits.file_bytes)
    return {BRANCHES: "\n".join(branches), LIMITS: " ".join(map(str, numbers))}


def check_updates(*, lines: list[str], repository: Path, environment: dict[str, str]) -> str | None:
    """Why the push is refused, or None."""
    refs = {f"refs/heads/{branch}" for branch in environment.get(BRANCHES, "main").split("\n")}
    total_bytes, files, file_bytes = map(int, environment[LIMITS].split())
    limits = Limits(total_bytes=total_bytes, files=files, file_bytes=file_bytes)
    for line in lines:
        _, new, ref = line.rstrip("\n").split(" ", 2)
        if ref not in refs:
            continue
        if not new.strip("0"):
            return f"{ref} is the deployed branch: it cannot be deleted"
        try:
            listed = list_tree(
                repository=repository,
                commit=new,
                limits=limits,
                environment=git_environment(quarantine=environment),
            )
        except (BundleRefused, GitFailed) as error:
            return str(error)
        if not listed:
            return "the commit holds no files; add at least one DAG file, for example dags/hello.py"
    return None


def main() -> int:
    """Exit status 1 keeps every ref of the push where it was."""
    repository = Path(os.environ.get("GIT_DIR", ".")).resolve()
    refused = check_updates(lines=sys.stdin.readlines(), repository=repository, environment=dict(os.environ))
    if refused is None:
        return 0
    print(f"Aerodrome refuses this push: {refused}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
