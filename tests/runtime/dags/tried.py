"""Every way a task can end, one task each."""
# Written as tenants write: os.path and open are the point of some tasks.
# ruff: noqa: PTH110, PTH111, PTH123, PTH208

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, Variable, task
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import (
    AirflowRescheduleException,
    AirflowRuntimeError,
    AirflowSkipException,
    TaskDeferred,
)

print("printed while the file loads")


def push_until_told(ti):
    try:
        for number in range(600):
            ti.xcom_push(str(number), number)
            time.sleep(0.1)
    except AirflowRuntimeError:
        print("told of it")
        raise


with DAG("tried", schedule=None):

    @task
    def noop():
        return 1

    @task
    def pushes_until_told(ti=None):
        push_until_told(ti)

    @task
    def pushes_after_it_was_told(ti=None):
        try:
            push_until_told(ti)
        except AirflowRuntimeError:
            ti.xcom_push("once more", 1)
            raise

    @task
    def pushes_on_and_fails(ti=None):
        ti.xcom_push("wrong", 1)
        time.sleep(1)  # by now it is on its way
        ti.xcom_push("later", 2)
        print("pushed on")
        raise ValueError("on purpose")

    @task
    def pushes_and_skips(ti=None):
        ti.xcom_push("first", 1)
        raise AirflowSkipException

    @task
    def is_told_and_skips(ti=None):
        with suppress(AirflowRuntimeError):
            push_until_told(ti)
        raise AirflowSkipException

    @task
    def is_told_and_looks_later(ti=None):
        with suppress(AirflowRuntimeError):
            push_until_told(ti)
        raise AirflowRescheduleException(datetime.now(tz=UTC))

    @task
    def is_told_and_defers(ti=None):
        with suppress(AirflowRuntimeError):
            push_until_told(ti)
        raise TaskDeferred(trigger=TimeDeltaTrigger(timedelta(0)), method_name="execute")

    @task
    def pushes_and_exits(ti=None):
        ti.xcom_push("first", 1)
        os._exit(0)

    @task
    def produce():
        return {"rows": [1, 2, 3]}

    @task
    def consume(rows):
        print("consumed", sum(rows["rows"]))
        return sum(rows["rows"])

    consume(produce())
    noop()

    @task(retries=1)
    def fails():
        raise ValueError("deliberate")

    class Choosy(RetryPolicy):
        def evaluate(self, exception, try_number, max_tries, context=None):
            if isinstance(exception, KeyError):
                return RetryDecision.fail("no use")
            return RetryDecision.retry(delay=timedelta(seconds=7), reason=f"try {try_number}")

    @task(retries=3, retry_policy=Choosy())
    def chooses_to_fail():
        raise KeyError("deliberate")

    @task(retries=3, retry_policy=Choosy())
    def chooses_to_wait():
        raise ValueError("deliberate")

    @task
    def kills_itself():
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def exits_hard():
        os._exit(42)

    @task
    def segfaults():
        os.kill(os.getpid(), signal.SIGSEGV)

    @task
    def eats_memory():
        held = []
        while True:
            held.append(bytearray(os.urandom(1)) * (8 * 1024 * 1024))

    @task(execution_timeout=timedelta(seconds=1))
    def times_out():
        time.sleep(60)

    @task
    def sleeps():
        print("sleeping now")
        time.sleep(120)

    @task
    def leaves_a_daemon():
        subprocess.Popen(["sleep", "987"], start_new_session=True)
        print("daemon started")

    @task
    def speaks():
        import logging

        log = logging.getLogger("my.logger")
        for number in range(50):
            print(f"line {number}")
        print("to stderr", file=sys.stderr)
        log.info("logged %s", "properly")

    @task
    def speaks_slowly():
        print("first words")
        while not os.path.exists(os.path.expanduser("~/go-on")):
            time.sleep(0.05)

    @task
    def looks_around():
        import stat

        kinds = {stat.S_IFSOCK: "socket", stat.S_IFIFO: "pipe"}
        open_fds = {}
        for fd in range(4096):
            try:
                mode = os.fstat(fd).st_mode
            except OSError:
                continue
            open_fds[str(fd)] = kinds.get(stat.S_IFMT(mode), oct(mode))
        try:
            with open("/proc/self/environ", "rb") as first:
                environ_file = first.read().decode(errors="replace")
        except PermissionError:
            environ_file = ""
        return {
            "fds": open_fds,
            "environ": dict(os.environ),
            "environ_file": environ_file,
            "uid": os.getuid(),
            "pids": [name for name in os.listdir("/proc") if name.isdigit()],
            "home": os.path.expanduser("~"),
        }

    @task
    def reads_a_variable():
        return Variable.get("colour")

    @task
    def reads_a_missing_variable():
        return Variable.get("nowhere", default="fallback")

    @task
    def tells_a_secret():
        from airflow.sdk.log import mask_secret

        mask_secret("hunter2-hunter2")
        print("the password is hunter2-hunter2")
        sys.stderr.write("again hunter2-hunter2\n")
        print("given ahead: s3cr3t-from-plane")

    @task
    def floods():
        for _ in range(3000):
            print("x" * 1000)

    @task.bash
    def renders_again():
        return "echo told"

    for each in (
        renders_again, fails, chooses_to_fail, chooses_to_wait, kills_itself, exits_hard, segfaults,
        eats_memory, times_out, sleeps, leaves_a_daemon, speaks, speaks_slowly, looks_around,
        reads_a_variable, reads_a_missing_variable, tells_a_secret, floods, pushes_until_told,
        pushes_after_it_was_told, pushes_and_skips, pushes_and_exits,
        pushes_on_and_fails, is_told_and_skips, is_told_and_looks_later, is_told_and_defers,
    ):  # fmt: skip
        each()
