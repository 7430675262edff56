"""Variables and connections that a file asks for while it is imported.

Airflow's SDK sends such a question to its supervisor. In a parse there is none unless the caller gives one: the
file is told "not found" at once (its own default counts then), instead of Airflow trying a database. Every
question is a finding, because an import that depends on it is one version today and another tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from aerodrome_runtime.shim.uses import author_line
from taskwire.parsing import Finding

Answer = Callable[[Any], Any]
"""Gets one of the SDK's request models (`GetVariable`, `GetConnection`, …), gives the response model or None."""

_HINTS = {
    "variable": "read it inside a task, or in a template: {{ var.value.get('name') }}",
    "connection": "read it inside a task, or in a template: {{ conn.name.host }}",
}


class Asked:
    """While it is entered it stands where the SDK looks for its supervisor."""

    def __init__(self, *, answer: Answer | None) -> None:
        self._answer = answer
        self.findings: list[Finding] = []

    def __enter__(self) -> Asked:
        from airflow.sdk.execution_time import task_runner

        self._before = getattr(task_runner, "SUPERVISOR_COMMS", None)
        task_runner.SUPERVISOR_COMMS = self
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        from airflow.sdk.execution_time import task_runner

        if self._before is None:
            del task_runner.SUPERVISOR_COMMS
        else:
            task_runner.SUPERVISOR_COMMS = self._before

    def send(self, msg: Any) -> Any:
        """The SDK's call. Answers by `answer`, else "not found"; requests that want no answer get none."""
        kind = type(msg).__name__
        if kind.startswith("Mask"):
            return None
        self._note(kind, msg)
        told = self._answer(msg) if self._answer is not None else None
        return told if told is not None else _not_found(kind)

    async def asend(self, msg: Any) -> Any:
        """The SDK's call from asynchronous code."""
        return self.send(msg)

    def _note(self, kind: str, msg: Any) -> None:
        subject = "variable" if "Variable" in kind else "connection" if "Connection" in kind else ""
        name = (
            getattr(msg, "key", None) or getattr(msg, "conn_id", None) or getattr(msg, "prefix", None) or ""
        )
        path, line = author_line()
        if not subject or path is None:
            return
        finding = Finding(
            code=f"AERO-READ-{subject}",
            message=f"{subject} {name!r} is read while the file is imported",
            path=path,
            line=line,
            hint=_HINTS[subject].replace("name", str(name)) if str(name).isidentifier() else _HINTS[subject],
            severity="info",
        )
        if finding not in self.findings:
            self.findings.append(finding)


def _not_found(kind: str) -> Any:
    from airflow.sdk.exceptions import ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    errors = {"GetVariable": ErrorType.VARIABLE_NOT_FOUND, "GetConnection": ErrorType.CONNECTION_NOT_FOUND}
    return ErrorResponse(error=errors.get(kind, ErrorType.GENERIC_ERROR))
