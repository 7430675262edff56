"""Runs with the runtime's interpreter: Airflow's own, unmodified supervisor, told line by line what to run.

In: `{"ti", "token", "server", "path", "log"}`; out: one line with the exit code, or what was raised.
"""

from __future__ import annotations

import json
import os
import sys

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # Airflow and the tasks may print

from airflow.executors.workloads.base import BundleInfo  # noqa: E402
from airflow.executors.workloads.task import TaskInstanceDTO  # noqa: E402
from airflow.sdk.execution_time.supervisor import supervise_task  # noqa: E402


def main() -> None:
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            code = supervise_task(
                ti=TaskInstanceDTO(**order["ti"]),
                bundle_info=BundleInfo(name="dags"),
                dag_rel_path=order["path"],
                token=order["token"],
                server=order["server"],
                log_path=order["log"],
            )
            answer = {"exit_code": code}
        except BaseException as error:
            answer = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
