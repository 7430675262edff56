"""Airflow's public REST API, version 2, as both systems speak it: one connection, JSON in and out."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import quote, urlsplit

POLL_SECONDS = 0.5
PAGE = 100


class ApiRefused(Exception):
    """The server answered with an error; the message holds status and body."""

    def __init__(self, method: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"{method} {path}: {status} {body[:500].decode(errors='replace')}")
        self.status = status


class RunTookTooLong(Exception):
    """A run did not end in the time that was given to it."""


class Rest:
    """One caller. ``base_url`` is what comes before ``/api/v2``; ``token`` is a bearer token."""

    def __init__(self, *, base_url: str, token: str = "") -> None:
        where = urlsplit(base_url)
        self._host, self._prefix, self.token = where.netloc, where.path.rstrip("/"), token
        self._link: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Any = None, *, kind: str = "application/json") -> Any:
        """The decoded answer. Raises ``ApiRefused``, and ``OSError`` when nobody answers."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if data is not None:
            headers["Content-Type"] = kind
        for is_last in (False, True):
            if self._link is None:
                self._link = http.client.HTTPConnection(self._host, timeout=120)
            try:
                self._link.request(method, self._prefix + path, body=data, headers=headers)
                answer = self._link.getresponse()
                text = answer.read()
            except (http.client.HTTPException, ConnectionError):
                self._link.close()
                self._link = None
                if is_last:
                    raise
                continue  # the server closed an idle connection
            if answer.status >= 400:
                raise ApiRefused(method, path, answer.status, text)
            return json.loads(text) if text else None

    def close(self) -> None:
        """Hang up; the next call dials again."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """A new run; returns its id."""
        body = {"logical_date": None, "conf": conf or {}}
        answer = self.call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)
        return str(answer["dag_run_id"])

    def wait_run(
        self, dag_id: str, run_id: str, *, seconds: float, poll_seconds: float = POLL_SECONDS
    ) -> dict[str, Any]:
        """The run once it is over. Raises ``RunTookTooLong``."""
        deadline = time.monotonic() + seconds
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"
        while True:
            run: dict[str, Any] = self.call("GET", path)
            if run["state"] in ("success", "failed"):
                return run
            if time.monotonic() > deadline:
                raise RunTookTooLong(f"run {run_id} of {dag_id} is {run['state']} after {seconds:.0f} s")
            time.sleep(poll_seconds)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """All task instances of a run."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"{path}?limit={PAGE}&offset={len(found)}&order_by=id")
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}"
        value = self.call("GET", f"{path}/xcomEntries/return_value")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/api/v2/dags/{quote(dag_id)}?update_mask=is_paused", {"is_paused": False})

    def find_dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG, or None while the system does not know it."""
        try:
            found: dict[str, Any] = self.call("GET", f"/api/v2/dags/{quote(dag_id)}")
        except ApiRefused as refused:
            if refused.status != 404:
                raise
            return None
        return found
