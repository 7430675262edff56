"""What a task may read when its tenant turned on that only declared names may be.

Declared is what the parse found in the task's arguments and code (`TaskSpec.secrets`), and what the author says:
`executor_config={"secrets": {"connections": ["db"], "variables": ["colour", "team_*"]}}` of a task, or the same under
`secrets` in the DAG's `default_args`. A name may end in `*`. Airflow itself ignores both, so a DAG stays portable.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.secrets.source import Kind

MAIL_CONNECTION = "smtp_default"
"""Read for a task that has `email` set, by Airflow's own mailing of failures."""


class NotDeclared(PermissionError):
    """The task's DAG does not name what it asks for. The message says how to."""


def require_declared(*, task_instance: UUID, kind: Kind, name: str) -> None:
    """Inside the tenant's scope. Raises NotDeclared."""
    rows = execute("secrets/sql/declared_secrets.sql", task_instance=task_instance)
    for of_dag, found, own, has_mail in rows:
        if kind == "connection" and has_mail and name == MAIL_CONNECTION:
            return
        if any(_covers(each, kind, name) for each in (of_dag, found, own)):
            return
    raise NotDeclared(
        f"This tenant lets tasks read only what their DAG declares, and this one does not declare the {kind} "
        f"{name!r}. Declare it on the task: executor_config={{'secrets': {{'{kind}s': [{name!r}]}}}}, or for the whole "
        "DAG the same under 'secrets' in default_args; then push."
    )


def declared_names(*, task_instance: UUID, kind: Kind) -> list[str]:
    """Every name that the task may read, as declared: a `*` at the end stands. Inside the tenant's scope."""
    found: list[str] = []
    for of_dag, of_task, own, has_mail in execute(
        "secrets/sql/declared_secrets.sql", task_instance=task_instance
    ):
        for declared in (of_dag, of_task, own):
            found += _names(declared, kind)
        if kind == "connection" and has_mail:
            found.append(MAIL_CONNECTION)
    return list(dict.fromkeys(found))


def _covers(declared: Any, kind: Kind, name: str) -> bool:
    return any(
        each == name or (each.endswith("*") and name.startswith(each[:-1])) for each in _names(declared, kind)
    )


def _names(declared: Any, kind: Kind) -> list[str]:
    names = declared.get(f"{kind}s") if isinstance(declared, dict) else None
    if isinstance(names, str):
        names = [names]
    return [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
