"""Passwords of the database's roles and of Valkey are changed under a running stack: not one task fails or is tried again."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import psycopg2
import pytest
import redis

from launcher.embedded.valkey import is_answering
from tests.support.stack import CHECKOUT, Stack
from tests.support.stack_tenant import Run, StackTenant

DAG = """
    from airflow.sdk import dag, task

    @dag(schedule=None, default_args={"retries": 0})
    def steady():
        @task
        def one(number):
            return number

        @task
        def add(numbers):
            return sum(numbers)

        add(one.expand(number=[1, 2, 3]))

    steady()
"""
PROCESSES = ("web", "gateway", "scheduler", "periodic", "agent", "postgres", "valkey")


def _rotate(stack: Stack) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AERODROME_DATA": str(stack.data),
        "PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}",
    }
    command = [sys.executable, "-P", "-m", "launcher", "rotate-credentials"]
    done = subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("a new password is in force") == 5


def _end_connections(stack: Stack) -> None:
    """Every connection of the control plane to both servers: each must log in anew."""
    for role in ("app", "sched", "auth"):
        with stack.database(role) as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE usename = user AND pid <> pg_backend_pid()"
            )
            assert cursor.fetchone()[0] > 0, role
    with closing(redis.Redis.from_url(stack.status()["redis"]["url"])) as client:
        assert client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0


def _all_at_once(tenant: StackTenant, runs: list[Run]) -> None:
    assert set(tenant.until_over(*runs)) == {"success"}
    for run in runs:
        assert [(row["state"], row["try_number"]) for row in tenant.instances(run)] == [("success", 1)] * 4


def test_no_task_fails(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy({"dags/steady.py": DAG}, "steady")
    before = stack.status()
    pids = {name: stack.pid(name) for name in PROCESSES}
    runs = [tenant.trigger("steady") for _ in range(3)]
    _rotate(stack)
    runs += [tenant.trigger("steady") for _ in range(3)]
    _end_connections(stack)
    stack.until_healthy()
    runs += [tenant.trigger("steady") for _ in range(3)]
    _all_at_once(tenant, runs)
    assert pids == {name: stack.pid(name) for name in PROCESSES}, "nobody was restarted for it"

    for role in ("app", "owner", "sched", "auth"):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(before["database"][f"{role}_url"])
    assert not is_answering(url=before["redis"]["url"])

    killed = {name: stack.kill(name) for name in ("valkey", "scheduler")}
    for name, pid in killed.items():  # who is started anew finds the new ones, too
        stack.until_restarted(name, pid=pid)
    stack.until_healthy()
    _all_at_once(tenant, [tenant.trigger("steady")])
