"""`./aerodrome demo --exit --json FILE`: every example DAG ends as expected, and everything is stopped after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.base_runtime import furnish_base
from tests.support.processes import processes_named
from tests.support.stack import CHECKOUT


def test_the_demo_ends_as_its_examples_say() -> None:
    with tempfile.TemporaryDirectory(prefix="aerodrome-demo-test-") as room:
        Path(room).chmod(0o711)
        data, told = Path(room) / "data", Path(room) / "demo.json"
        furnish_base(runtimes=data / "agent" / "runtimes")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AERODROME_", "DJANGO_"))
        }
        done = subprocess.run(
            [sys.executable, "-P", "-m", "launcher", "demo", "--exit", "--json", str(told)],
            cwd=CHECKOUT,
            env=kept
            | {
                "AERODROME_DATA": str(data),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}",
            },
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(told.read_text())
        expected = json.loads((CHECKOUT / "examples" / "expected.json").read_text())["dags"]
        assert result["ok"] is True and result["differences"] == []
        assert {run["dag_id"]: run["state"] for run in result["runs"]} == {
            dag_id: wanted["state"] for dag_id, wanted in expected.items()
        }
        assert "failed" in {run["state"] for run in result["runs"]}, "one example fails on purpose"
        assert result["login"]["password"] in done.stdout
        assert processes_named(os.fsencode(data)) == [], "nothing is left running"
