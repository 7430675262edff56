"""The conf of a run against its DAG's params, before the run exists. The rules are `domain.params`.

A schema that may take long is checked in a child process with a few seconds to live: it is a tenant's regular
expression, and the others must not wait for it. Called by `runs/trigger.py`.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.params import ParamsInvalid, check, is_costly, merged

CHILD_SECONDS = 3
CHILD_BYTES = 1 << 30


def check_params(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> None:
    """`params` as `DagSpec.params`, with what the caller passes instead of defaults. Raises ParamsInvalid."""
    wanted = merged(params, conf)
    if is_costly(wanted):
        _check_apart(wanted)
    else:
        check(wanted)


def _check_apart(params: Mapping[str, Mapping[str, Any]]) -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", "from controlplane.runs.params import main; main()"],
            input=json.dumps(params),
            capture_output=True,
            text=True,
            timeout=CHILD_SECONDS,
            cwd=Path(__file__).resolve().parents[2],
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        message = f"The params could not be checked within {CHILD_SECONDS} seconds: simplify their schemas"
        raise ParamsInvalid(message) from None
    if done.returncode:
        raise ParamsInvalid("The params could not be checked: their schemas need too much memory or time")
    if said := json.loads(done.stdout):
        raise ParamsInvalid(said)


def main() -> None:
    """In the child: params on stdin, the refusal or null on stdout."""
    resource.setrlimit(resource.RLIMIT_CPU, (CHILD_SECONDS, CHILD_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (CHILD_BYTES, CHILD_BYTES))
    try:
        check(json.load(sys.stdin))
    except ParamsInvalid as error:
        print(json.dumps(str(error)))
    else:
        print("null")
