"""What a warm child does differently from Airflow's own, held against the installed Airflow.

`differences.REVIEWED` has the digest of every function that is replaced, or whose text was followed line by
line. A new Airflow that changes one fails here until somebody has read it again.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import json, sys
from aerodrome_runtime.zygote import differences
from airflow.sdk.execution_time import supervisor, task_runner
from airflow.sdk.api import client
before = {name: differences.digest(thing) for name, thing in differences.followed().items()}
untouched = {name: getattr(task_runner, name) for name in ("main", "startup", "run", "finalize", "_prepare")}
differences.install()
print(json.dumps({
    "found": before,
    "reviewed": differences.REVIEWED,
    "replaced": sorted(name for name in ("parse", "get_startup_details", "BundleVersionLock")
                       if getattr(task_runner, name).__module__.startswith("aerodrome_runtime")),
    "untouched": [name for name, thing in untouched.items() if getattr(task_runner, name) is thing],
}))
"""


def test_the_replaced_functions_are_the_ones_that_were_read(runtime_path: Path, tmp_path: Path) -> None:
    environment = {
        "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT / 'platform'}",
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////dev/null/airflow.db",
        "PATH": "/usr/bin:/bin",
    }
    told = subprocess.run(
        [str(runtime_path / "bin" / "python"), "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["found"] == found["reviewed"]
    assert found["replaced"] == ["BundleVersionLock", "get_startup_details", "parse"]
    assert found["untouched"] == ["main", "startup", "run", "finalize", "_prepare"]
