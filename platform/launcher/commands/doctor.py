"""Says what is missing on this machine and how to mend it.

Exit status 1 when something stops the stack from running, 0 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from launcher.doctor import isolation, servers, tools
from launcher.doctor.findings import Finding
from launcher.settings import read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the findings as a JSON list")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    settings = read_settings(environment=os.environ, checkout=checkout)
    findings = [
        tools.check_python(),
        tools.check_git(),
        tools.check_git_http(),
        tools.check_uv(),
        servers.check_database(settings),
        servers.check_redis(settings),
        servers.check_data_folder(settings),
        servers.check_disk(settings),
        servers.check_backup(settings, now=datetime.now(tz=UTC)),
        servers.check_port(settings),
        servers.check_home(settings, home=os.environ.get("HOME")),
        isolation.check_isolation(checkout=checkout),
    ]
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _show(findings)
    return 1 if any(finding.verdict == "fail" for finding in findings) else 0


def _show(findings: list[Finding]) -> None:
    for finding in findings:
        first, *more = finding.found.splitlines() or [""]
        print(f"{finding.verdict:5} {finding.name:18}{first}")
        for line in more:
            print(f"{'':24}{line}")
        if finding.mend:
            print(f"{'':24}-> {finding.mend}")
