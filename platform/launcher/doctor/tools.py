"""Programs that the stack needs besides its own environment: Python's version, git and its HTTP server, uv."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.doctor.findings import Finding

_OLDEST_GIT = (2, 25)


def check_python() -> Finding:
    """The bootstrap has refused older ones already; this says which one it took."""
    found = f"{platform.python_version()} ({sys.base_prefix})"
    return Finding("Python", "ok", found)


def check_git() -> Finding:
    git = shutil.which("git")
    if git is None:
        return Finding("git", "fail", "not found", "install git (Debian, Ubuntu: apt install git)")
    words = _output([git, "--version"]).split()
    version = words[2] if len(words) > 2 else "unknown"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST_GIT:
        return Finding("git", "fail", version, f"install git {'.'.join(map(str, _OLDEST_GIT))} or newer")
    return Finding("git", "ok", version)


def check_git_http() -> Finding:
    """Pushes arrive through git's own HTTP server program, which some systems package apart."""
    folder = _output(["git", "--exec-path"]) if shutil.which("git") else ""
    if folder and Path(folder, "git-http-backend").exists():
        return Finding("git http-backend", "ok", folder)
    return Finding(
        "git http-backend",
        "fail",
        "not found",
        "install git's full package (Alpine: apk add git-daemon; Fedora: dnf install git)",
    )


def check_uv() -> Finding:
    uv = Path(sys.executable).parent / "uv"
    answer = _output([str(uv), "--version"])
    if answer:
        return Finding("uv", "ok", answer)
    return Finding("uv", "fail", f"{uv} does not run", "remove the folder .venv and start ./aerodrome again")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
