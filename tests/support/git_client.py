"""A pusher with a stock git, who knows nothing of this machine's configuration."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """How a git command ended. `said` is standard error, where git relays the remote's lines."""

    status: int
    output: str
    said: str

    @property
    def remote(self) -> list[str]:
        """What the remote told, without the prefix."""
        lines = (line for part in self.said.splitlines() for line in part.split("\r"))
        return [line.removeprefix("remote: ").rstrip() for line in lines if line.startswith("remote: ")]


class Clone:
    """A work tree whose remote is `url`."""

    def __init__(self, *, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, configuration: dict[str, str] | None = None) -> Done:
        options = [part for key, value in (configuration or {}).items() for part in ("-c", f"{key}={value}")]
        done = subprocess.run(
            ["git", *options, *arguments],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_AUTHOR_NAME": "Author",
                "GIT_AUTHOR_EMAIL": "author@example.com",
                "GIT_COMMITTER_NAME": "Author",
                "GIT_COMMITTER_EMAIL": "author@example.com",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def write(self, files: dict[str, bytes]) -> None:
        for path, content in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def commit(self, files: dict[str, bytes], message: str = "a change") -> str:
        """Add the files and everything else that changed; the commit."""
        self.write(files)
        assert self.git("add", "--all").status == 0
        done = self.git("commit", "--quiet", "--allow-empty", "-m", message)
        assert done.status == 0, done.said
        return self.git("rev-parse", "HEAD").output.strip()

    def push(self, refspec: str = "main", *options: str, configuration: dict[str, str] | None = None) -> Done:
        return self.git("push", *options, self.url, refspec, configuration=configuration)
