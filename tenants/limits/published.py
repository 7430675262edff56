"""The list of limits: names, units, where each is enforced, and what a refused person hears. Pure.

One list for plans, overrides, doors, the admission and the docs page (docs/reference/limits.md is generated).
A limit that is absent or null is none. Beside them an installation has bounds of its own for everybody
(docs/reference/configuration.md): the smaller one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Value = int | float
Limits = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Limit:
    """`is_share`: a fraction of 1, otherwise a whole number from `least` up. `own`: the tenant may set a smaller
    one for itself."""

    name: str
    unit: str
    meaning: str
    enforced: str
    hears: str
    least: int = 0
    most: int = 2**53
    is_share: bool = False
    own: bool = False


LIMITS: Final[tuple[Limit, ...]] = (
    Limit(
        "concurrent_tasks",
        "tasks",
        "Tasks that are queued or running at once",
        "the scheduler's admission",
        "`tenant_full: the tenant runs as many tasks as its quota allows`, beside the task that waits",
        least=1,
        most=2**31 - 1,
        own=True,
    ),
    Limit(
        "backfill_share",
        "share of concurrent_tasks",
        "How much of it backfills may hold at once; always at least one task",
        "the scheduler's admission",
        "`backfill_share: backfills hold their whole share of the tenant's quota; scheduled runs go on`",
        is_share=True,
        own=True,
    ),
    Limit(
        "task_hours_per_month",
        "hours",
        "Time that attempts hold workers, in a calendar month (UTC)",
        "the start of runs; runs that began go on",
        "`the tenant has used its N task-hours of this month`, beside the run that waits",
        own=True,
    ),
    Limit(
        "cpu_hours_per_month",
        "hours",
        "Processor time of attempts, as agents measure it, in a calendar month (UTC)",
        "the start of runs; runs that began go on",
        "`the tenant has used its N hours of processor time of this month`, beside the run that waits",
        own=True,
    ),
    Limit(
        "task_cpu_millis",
        "thousandths of a processor",
        "Processors that one task may use at a time, with all its processes",
        "the task's control group, where the agent's machine gives it one for processors",
        "nothing: the task runs as if the machine were so much slower",
        least=10,
        most=1_024_000,
        own=True,
    ),
    Limit(
        "task_memory_mib",
        "MiB",
        "Memory of one task",
        "the task's jail, and total_memory_mib",
        "the task's log says that it passed its memory limit, and the try fails",
        least=64,
        own=True,
    ),
    Limit(
        "total_memory_mib",
        "MiB",
        "Memory of all tasks at once, each counted with task_memory_mib",
        "the scheduler's admission",
        "`tenant_full`, as for concurrent_tasks",
        least=64,
        own=True,
    ),
    Limit(
        "triggers",
        "triggers",
        "Triggers of deferred tasks and asset watchers that run at once; what waits for an instant is none",
        "the claim of triggers by agents",
        "`the tenant runs as many triggers as it may (N)`, beside the deferred task that waits for its turn",
        least=1,
        most=2**31 - 1,
        own=True,
    ),
    Limit(
        "xcom_bytes",
        "bytes",
        "XComs of all kept runs, counted once a minute while tasks end",
        "the write of an XCom, by a task, its trigger or a person",
        "`the XComs of this tenant have N MiB, and it may keep M MiB`: in the log of the try, which fails; as a 4xx problem",
        least=1024,
    ),
    Limit(
        "dags",
        "DAGs",
        "DAGs in the newest bundles; those that are gone from them do not count",
        "the parse of a bundle",
        "an import error at each file whose DAGs are over it, which names them; the DAGs that were there stay",
        most=2**31 - 1,
    ),
    Limit(
        "bundle_bytes",
        "bytes",
        "One bundle, unpacked",
        "the push or upload, while it is read",
        "`the bundle is larger than N here`, from Git or as the upload's problem",
        least=1024,
    ),
    Limit(
        "log_bytes",
        "bytes",
        "The log of one try",
        "the agent that writes the log",
        "the log ends with a line that says where it was cut off; the task goes on",
        least=4096,
    ),
    Limit(
        "log_storage_bytes",
        "bytes",
        "Logs of all kept runs, counted every few minutes while tasks end",
        "the store of logs, before each write",
        "the log ends with `the logs of this tenant have N MiB, and it may keep M MiB`; the task goes on",
        least=1024,
    ),
    Limit(
        "api_requests_per_minute",
        "requests",
        "Requests of people and tokens to the public API and the portal's; tasks and agents do not count",
        "both APIs, before anything is read",
        "429 with `Retry-After`; from 60 requests a minute on, every answer has the `RateLimit` headers",
        least=60,
        most=2**31 - 1,
    ),
    Limit(
        "parses_per_hour",
        "times",
        "How often an hour the files in force are parsed again by themselves (`parse_interval_seconds`)",
        "the tenant's settings, and the order to parse again",
        "`parse_interval_seconds is a whole number of seconds from N`; one that was set before is lengthened",
        least=1,
        most=3600,
    ),
    Limit(
        "retries_per_hour",
        "retries",
        "Retries that begin in one hour of the clock",
        "the start of a retry",
        "`retry_budget: the tenant began its N retries of this hour, the next may begin at …`, beside the task",
        own=True,
        most=2**31 - 1,
    ),
    Limit(
        "failed_runs_in_a_row",
        "runs",
        "A DAG that names no `max_consecutive_failed_dag_runs` is paused after so many failed runs",
        "the end of a run",
        "the DAG is paused and says why; the event log has `paused` by `scheduler`",
        least=1,
        most=10_000,
        own=True,
    ),
)

BY_NAME: Final[dict[str, Limit]] = {limit.name: limit for limit in LIMITS}

PRICES: Final[dict[str, str]] = {
    "task_hour": "One hour that an attempt holds a worker",
    "cpu_hour": "One hour of processor time, as agents measure it",
    "memory_gib_hour": "One GiB of peak memory for one hour",
    "storage_gib_month": "One GiB kept for a month of 30 days",
}
"""Unit -> what is paid for, in millionths of the plan's currency."""


class LimitInvalid(ValueError):
    """A limit or price that nobody publishes, or whose value cannot be one. `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def checked(values: Mapping[str, object]) -> dict[str, Value | None]:
    """Limits by name as they may be stored. Raises LimitInvalid."""
    return {name: _checked(name, value) for name, value in values.items()}


def checked_prices(values: Mapping[str, object]) -> dict[str, int]:
    """Prices as they may be stored. Raises LimitInvalid."""
    out = {}
    for name, value in values.items():
        if name not in PRICES:
            raise LimitInvalid(name, f"there is no price '{name}'; there are {', '.join(PRICES)}")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**12:
            raise LimitInvalid(name, f"{name} is a whole number of millionths from 0 to 10^12")
        out[name] = value
    return out


def _checked(name: str, value: object) -> Value | None:
    limit = BY_NAME.get(name)
    if limit is None:
        raise LimitInvalid(name, f"there is no limit '{name}'; there are {', '.join(BY_NAME)}")
    if value is None:
        return None
    if limit.is_share:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise LimitInvalid(name, f"{name} is a share from 0 to 1, or null for none")
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not limit.least <= value <= limit.most:
        raise LimitInvalid(
            name, f"{name} is a whole number from {limit.least} to {limit.most}, or null for none"
        )
    return value
