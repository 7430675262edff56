"""Pushes a folder to the tenant's Git remote with the stock git, and passes on what the remote says."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from launcher.demo.http import DemoRefused

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


def push_folder(*, folder: Path, remote: str, token: str, tell: Callable[[str], None]) -> None:
    """One commit with the folder's files, pushed. Raises DemoRefused when git says no."""
    with tempfile.TemporaryDirectory(prefix="aerodrome-demo-") as room:
        work = Path(room) / "bundle"
        shutil.copytree(folder, work, ignore=_LEFT_OUT)
        helper = Path(room) / "askpass"
        helper.write_text('#!/bin/sh\nprintf "%s" "$DEMO_GIT_TOKEN"\n', encoding="utf-8")
        helper.chmod(0o700)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_ASKPASS": str(helper),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": room,
            "DEMO_GIT_TOKEN": token,
        }

        def git(*arguments: str) -> None:
            done = subprocess.run(
                ["git", "-c", "user.name=demo", "-c", "user.email=demo@example.com", *arguments],
                cwd=work, env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            for line in done.stderr.splitlines():
                if line.startswith("remote:"):
                    tell(line.removeprefix("remote:").rstrip())
            if done.returncode:
                raise DemoRefused(f"git {arguments[0]} failed:\n{done.stderr.strip()}")

        git("init", "--quiet", "--initial-branch=main")
        git("add", "--all")
        git("commit", "--quiet", "--message=The example DAGs")
        git("push", "--quiet", _with_user(remote), "main")


def _with_user(remote: str) -> str:
    """The remote with a user name, so that git asks for the password only."""
    parts = urlsplit(remote)
    return urlunsplit(parts._replace(netloc=f"git@{parts.netloc.rpartition('@')[2]}"))
