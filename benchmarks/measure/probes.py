"""The machine's limits, measured in the same run: a commit of one row, and a fork of a warm process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from launcher.embedded.binaries import PostgresMissing, find_binaries

ROWS = 1000
# {conflict} keeps the table of an earlier probe.
_PREPARE = (
    "CREATE SCHEMA IF NOT EXISTS bench_probe; "
    "CREATE TABLE IF NOT EXISTS bench_probe.row (id int PRIMARY KEY, n int NOT NULL); "
    f"INSERT INTO bench_probe.row SELECT g, 0 FROM generate_series(1, {ROWS}) g ON CONFLICT DO NOTHING"
)
_UPDATE = f"\\set id random(1, {ROWS})\nUPDATE bench_probe.row SET n = n + 1 WHERE id = :id;\n"
_FORK = """
import gc, json, os, sys, time
gc.disable()
import airflow.sdk, airflow.sdk.execution_time.task_runner
gc.collect(); gc.freeze()
taken, until = [], time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    taken.append((time.perf_counter() - started) * 1000)
memory = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps({"ms": taken, "mib": memory / 1024}))
"""


def commits_per_second(database: Mapping[str, object], *, clients: int, seconds: float) -> float | None:
    """P1 (one client) and P2 (eight): pgbench, one-row UPDATEs, each its own commit. None without pgbench."""
    pgbench = _pgbench()
    if pgbench is None:
        return None
    import psycopg2

    link = psycopg2.connect(**database)  # type: ignore[call-overload]
    with link, link.cursor() as cursor:
        cursor.execute(_PREPARE)
    link.close()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PGHOST": str(database["host"]),
        "PGPORT": str(database["port"]),
        "PGUSER": str(database["user"]),
        "PGPASSWORD": str(database["password"]),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_UPDATE)
        script.flush()
        command = [str(pgbench), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1"]
        command += [f"--time={max(1, round(seconds))}", f"--file={script.name}", str(database["dbname"])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    return float(found[1]) if found else None


def fork_ms(python: Path, *, seconds: float) -> tuple[list[float], float]:
    """P3: fork, exit and wait of a frozen process that imported Airflow's Task SDK: times in ms, and its MiB."""
    home = tempfile.mkdtemp(prefix="aerodrome-probe-")
    environment = {
        "PATH": os.defpath,
        "HOME": home,
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    try:
        command = [str(python), "-c", _FORK, str(seconds)]
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["ms"], answer["mib"]


def _pgbench() -> Path | None:
    try:
        beside = Path(find_binaries().program("pgbench"))
    except PostgresMissing:
        beside = Path("pgbench")
    if beside.exists():
        return beside
    found = shutil.which("pgbench")
    return Path(found) if found else None
