"""Runs with the runtime's interpreter: Airflow's own, unmodified Task SDK client, told what to call line by line.

In: `{"token", "call": "task_instances.start", "args": [...], "kwargs": {...}}`; out: one line of what came of it.
Arguments that are not JSON: `{"uuid": …}`, `{"time": …}`, `{"message": <class of comms>, "fields": {…}}`.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import datetime
from typing import Any

out = sys.stdout
sys.stdout = sys.stderr  # Airflow may print

from airflow.sdk.api.client import Client, ServerResponseError  # noqa: E402
from airflow.sdk.api.datamodels._generated import API_VERSION  # noqa: E402
from airflow.sdk.execution_time import comms  # noqa: E402


def argument(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "uuid" in value:
        return uuid.UUID(value["uuid"])
    if "time" in value:
        return datetime.fromisoformat(value["time"])
    if "message" in value:
        return getattr(comms, value["message"])(**{k: argument(v) for k, v in value["fields"].items()})
    return value


def told(value: Any) -> Any:
    """As JSON; a model with the name of its class."""
    if isinstance(value, list):
        return [told(item) for item in value]
    if not hasattr(value, "model_dump"):
        return value
    dumped = value.model_dump(mode="json")
    return {"type": type(value).__name__, **dumped} if isinstance(dumped, dict) else dumped


def main() -> None:
    clients: dict[str, Client] = {}
    print(json.dumps({"version": API_VERSION}), file=out, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        client = clients.setdefault(order["token"], Client(base_url=sys.argv[1], token=order["token"]))
        target: Any = client
        for name in order["call"].split("."):
            target = getattr(target, name)
        try:
            result = target(
                *map(argument, order.get("args", [])),
                **{key: argument(value) for key, value in order.get("kwargs", {}).items()},
            )
            answer = {"result": told(result), "token": client.auth.token}
        except ServerResponseError as error:
            answer = {"status": error.response.status_code, "detail": told(error.detail)}
        except Exception as error:
            answer = {"error": type(error).__name__, "message": str(error)}
        print(json.dumps(answer, default=str), file=out, flush=True)


main()
