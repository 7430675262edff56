"""What a failing test of a whole stack says besides: the logs of the task instances that failed."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.support.stack_tenant import Run, StackTenant

_MOST = 8
_END = 4000
_LINE = 600
_FAILED = """
    SELECT r.dag_id, r.run_id, t.task_id, t.map_index, t.try_number, t.state
    FROM task_instance t JOIN dag_run r ON r.tenant_id = t.tenant_id AND r.id = t.dag_run_id
    WHERE t.state IN ('failed', 'up_for_retry') ORDER BY t.end_date DESC LIMIT %(most)s
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, StackTenant):
                report.sections.extend(_logs(value))
    return report


def _logs(tenant: StackTenant) -> list[tuple[str, str]]:
    try:
        failed = tenant.rows(_FAILED, most=_MOST)
        return [(_title(row), _log(tenant, row)) for row in failed]
    except Exception as error:  # the stack may be what failed
        return [("logs of failed tasks", f"could not be read: {error!r}")]


def _title(row: tuple[Any, ...]) -> str:
    dag_id, run_id, task_id, map_index, try_number, state = row
    return f"{state}: {dag_id} {run_id} {task_id} [{map_index}], try {try_number}"


def _log(tenant: StackTenant, row: tuple[Any, ...]) -> str:
    dag_id, run_id, task_id, map_index, try_number, _ = row
    text = tenant.log(Run(dag_id, run_id), task_id, map_index=map_index, try_number=try_number)
    return "\n".join(line[:_LINE] for line in text.splitlines())[-_END:]
