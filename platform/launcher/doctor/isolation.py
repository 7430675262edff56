"""How well this machine can keep tenants apart: the agent's own probes, run here.

They fork and attack a jail, so they run in a process of their own, with the agent's environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from launcher.doctor.findings import Finding

_PROGRAM = """
import os
from aerodrome_runtime.jail import level, tenant
uid = 64999 if os.geteuid() == 0 else None
def spec_for(isolation, home):
    return tenant.tenant_jail(isolation=isolation, home=home, uid=uid)
found = level.probe(spec_for)
print(found.name)
print(level.describe(found))
"""
_TIMEOUT_SECONDS = 60


def check_isolation(*, checkout: Path) -> Finding:
    """L3 is full isolation; less is said with what is weaker."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": f"{checkout}/runtime:{checkout}/platform",
    }
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM], cwd="/", env=environment, capture_output=True, text=True,
            timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Finding(
            "isolation", "warn", "the probes did not end", "run the agent with AERODROME_LOG_LEVEL=DEBUG"
        )
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
        return Finding("isolation", "warn", f"could not be probed: {last}", "tell us with this line")
    level, _, words = answer.stdout.strip().partition("\n")
    if level == "L3":
        return Finding("isolation", "ok", words)
    mend = "run as root for full isolation"
    if os.geteuid() == 0:
        mend = "give this machine (or container) the right to make namespaces: CAP_SYS_ADMIN"
    elif level == "L1":
        mend = "run as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    return Finding("isolation", "warn", words, mend)
