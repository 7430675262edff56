"""What people are told of an alert, before any channel gives it its form. No secret can be in it: names and addresses
of things, the platform's own words for what happened, nothing that a task printed or raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

REPORT: Final = "report"
"""Kind, event and severity of a message that no alert is behind: a tenant's scheduled report."""
SHOWN: Final = 20
"""How many occurrences are listed; the rest is counted."""

TITLES: Final = {
    "run_failed": "Run failed",
    "task_failed": "Task failed",
    "run_absent": "No run",
    "deadline_missed": "Deadline missed",
    "runtime_regression": "Run was slow",
    "import_error": "Import error",
    "no_consumer": "No agent serves the queue",
    "secret_failed": "Secret failed",
    "dag_paused": "DAG was paused",
    "retry_budget": "Retries wait",
    "canary_failed": "Deployment failed its trial",
    "budget_burn": "Budget is being used up",
    "error_budget": "Error budget burns",
    "platform": "The platform is in trouble",
    "summary": "Maintenance is over",
    "test": "Test notification",
    REPORT: "Report",
}
EVENTS: Final = {
    "opened": "",
    "repeated": "again: ",
    "escalated": "nobody answered: ",
    "resolved": "resolved: ",
    "summary": "",
    "test": "",
    REPORT: "",
}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One failure: its DAG, run, task and try as far as it has them, and where its log is."""

    at: str
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = -1
    try_number: int = 0
    what: str = ""
    log_url: str | None = None

    def line(self) -> str:
        """`dag / run / task[3] (try 2): what`."""
        task = self.task_id and (f"{self.task_id}[{self.map_index}]" if self.map_index >= 0 else self.task_id)
        place = " / ".join(part for part in (self.dag_id, self.run_id, task) if part)
        tried = f" (try {self.try_number})" if self.try_number else ""
        return f"{place}{tried}{': ' if place and self.what else ''}{self.what}"


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the alert's and the same in all its messages: channels that can, fold them into one. `event`: one of
    EVENTS; `occurrences` counts all, `items` lists the newest. A report has its lines as `items`, and `figures`."""

    id: str
    event: str
    kind: str
    severity: str
    tenant: str
    rule: str
    owner: str
    cause: str
    url: str
    occurrences: int = 1
    runbook: str | None = None
    items: Sequence[Occurrence] = field(default_factory=tuple)
    figures: Mapping[str, Any] | None = None

    @property
    def is_report(self) -> bool:
        return self.kind == REPORT

    @property
    def title(self) -> str:
        """One line: what happened, to what, how often."""
        if self.is_report:
            return f"{self.rule}: {self.cause}"
        dags = sorted({item.dag_id for item in self.items if item.dag_id})
        about = f" in {dags[0]}" if len(dags) == 1 else f" in {len(dags)} DAGs" if dags else ""
        times = f" ({self.occurrences} times)" if self.occurrences > 1 else ""
        return f"{EVENTS[self.event]}{TITLES[self.kind]}{about}{times}"

    @property
    def shown(self) -> Sequence[Occurrence]:
        return self.items[-SHOWN:]

    @property
    def left_out(self) -> int:
        """Occurrences that are only counted."""
        if self.is_report:
            return 0
        return max(self.occurrences - len(self.shown), 0)


def to_json(message: Message) -> dict[str, Any]:
    """For its row."""
    return asdict(message)


def from_json(stored: Mapping[str, Any]) -> Message:
    """From its row."""
    return Message(**{**stored, "items": tuple(Occurrence(**item) for item in stored["items"])})
