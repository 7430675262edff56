"""Runs git so that nothing of a pusher, of this machine or of its user changes what it does.

No configuration but the one given here, no hooks but ours, no replaced objects, no prompts, no network. All
reading is done from bare repositories by object; nothing is ever checked out. No Django at import: the receive
hook uses this file by itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

TIMEOUT_SECONDS = 120
MEMORY_KIB = 4 * 1024 * 1024
CPU_SECONDS = 300
_LIMITED = f'ulimit -v {MEMORY_KIB} && ulimit -t {CPU_SECONDS} && exec git "$@"'

_CONFIGURATION: Mapping[str, str] = {
    "safe.directory": "*",
    "protocol.allow": "never",
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "gc.autoDetach": "false",
    "pack.threads": "1",
    "pack.windowMemory": "64m",
    "core.packedGitLimit": "256m",
    "core.deltaBaseCacheLimit": "64m",
    "core.bigFileThreshold": "16m",
}
_QUARANTINE = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")


class GitFailed(RuntimeError):
    """git ended with an error; the text is what it said."""


def git_environment(
    *, configuration: Mapping[str, str] | None = None, quarantine: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The whole environment of a git process. `configuration` adds keys; `quarantine` is a hook's own
    environment, of which only the places of incoming objects are taken."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    settings = {**_CONFIGURATION, **(configuration or {})}
    environment["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    if quarantine is not None:
        environment.update({name: quarantine[name] for name in _QUARANTINE if name in quarantine})
    return environment


def git_command(*arguments: str) -> list[str]:
    """A git command that cannot take the machine with it: a pack can inflate to any size in memory.

    The limits are set by a shell before git starts, so that all of git's own processes inherit them.
    """
    return ["/bin/sh", "-c", _LIMITED, "git", *arguments]


def run_git(*arguments: str, repository: Path, environment: Mapping[str, str] | None = None) -> str:
    """Output of one short command on a bare repository. Raises `GitFailed`."""
    try:
        done = subprocess.run(
            git_command(f"--git-dir={repository}", *arguments),
            env=dict(environment or git_environment()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GitFailed(f"git {arguments[0]} took longer than {TIMEOUT_SECONDS} seconds") from error
    if done.returncode != 0:
        raise GitFailed(done.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]} failed")
    return done.stdout.decode("utf-8", "replace")
