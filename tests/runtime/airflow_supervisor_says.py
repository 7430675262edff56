"""Runs inside the runtime: what Airflow's own supervisor asks the API and tells the task, message by message.

Reads JSON cases from stdin: [{"message", "replies": [[status, json, headers]], "ours": {"requests", "body"}}].
Writes for each: the requests Airflow makes, and whether our answer means the same as Airflow's to the task.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import httpx
import structlog
from airflow.sdk.api import client as api
from airflow.sdk.execution_time import comms, supervisor
from pydantic import TypeAdapter

TI = "0193f0f0-0000-7000-8000-0000000000aa"


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    to_task = TypeAdapter(comms.ToTask)
    print(json.dumps([one(case, to_task) for case in json.load(sys.stdin)]))


def one(case: dict, to_task: TypeAdapter) -> dict:
    requests: list = []
    replies = iter(case["replies"])

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        path = request.url.raw_path.decode().partition("?")[0]
        requests.append([request.method, path, sorted(request.url.params.multi_items()), body])
        status, content, headers = next(replies)
        headers = {"content-type": "application/json", **headers}
        return httpx.Response(status, content=json.dumps(content), headers=headers)

    client = api.Client(base_url="http://api/", token="t", transport=httpx.MockTransport(answer))
    told: dict = {}

    def send_msg(msg, request_id, error=None, **options):
        told["body"] = msg.model_dump(**options) if msg is not None else None
        told["error"] = error.model_dump() if error is not None else None

    self = SimpleNamespace(client=client, id=TI, send_msg=send_msg)
    message = supervisor.ActivitySubprocess.decoder.validate_python(case["message"])
    try:
        supervisor.ActivitySubprocess._handle_request(self, message, structlog.get_logger(), 1)
    except Exception as error:
        return {"requests": requests, "same": False, "theirs": repr(error), "ours": ""}

    def meaning(body):
        return None if body is None else to_task.validate_python(body)

    theirs, ours = meaning(told["body"]), meaning(case["ours"]["body"])
    return {
        "requests": requests,
        "same": theirs == ours or _dump(theirs) == _dump(ours),
        "theirs": repr(theirs),
        "ours": repr(ours),
    }


def _dump(model):
    return None if model is None else model.model_dump(mode="json")


if __name__ == "__main__":
    main()
