"""Tasks whose failures and retries are mailed."""

import os
import signal

from airflow.sdk import DAG, task

with DAG("mailed", schedule=None, default_args={"email": ["owner@example.com", "second@example.com"]}):

    @task(retries=1)
    def fails():
        raise ValueError("deliberate <failure>")

    @task
    def dies_now():
        os.kill(os.getpid(), signal.SIGKILL)

    @task(email_on_failure=False)
    def quiet():
        raise ValueError("nobody wants to know")

    fails()
    dies_now()
    quiet()
