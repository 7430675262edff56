"""The base runtime for tests, built from the shipped lock once and kept in the user's cache folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from aerodrome_runtime.agent.build import Builder
from taskwire.workload import BuildWork


def build_test_runtime(*, airflow: str = "3.3.2") -> Path:
    """An environment with the locked Airflow; made by the agent's own builder when it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aerodrome-tests" / "runtimes"
    cache.mkdir(parents=True, exist_ok=True)
    lock = Path(__file__).parents[2] / "runtime" / "locks" / f"airflow-{airflow}.lock"
    digest = (
        f"locked-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"  # a changed lock is another runtime
    )
    work = BuildWork(runtime_digest=digest, airflow=airflow, python="3.11")
    built = asyncio.run(Builder(runtimes=cache, uv=os.environ.get("AERODROME_UV")).run(work))
    assert built.ok, f"{built.message}\n{built.log}"
    return (cache / digest).resolve()
