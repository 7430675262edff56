"""Page or ticket: one table. Who is paged must act now; a ticket waits for the morning.

The rows follow a common practice: failures that touch a promise (a critical rule, a missed deadline) and outages of
the system page; a failure of something that is not critical, or that has tries left, is a ticket; an error budget
pages only when it burns more than ten times too fast in a short window and the rule is critical.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from domain.alerting.rules import KINDS

PAGE: Final = "page"
TICKET: Final = "ticket"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; None matches both. The first that matches decides."""

    severity: str
    why: str
    system: bool | None = None
    kind: str | None = None
    is_critical: bool | None = None
    has_tries_left: bool | None = None
    is_fast_burn: bool | None = None


TABLE: Final = (
    Row(PAGE, "the system itself is out", system=True),
    Row(TICKET, "it will be tried again", has_tries_left=True),
    Row(
        PAGE,
        "a promise burns more than ten times too fast",
        kind="error_budget",
        is_critical=True,
        is_fast_burn=True,
    ),
    Row(TICKET, "the budget burns, nobody has to get up", kind="error_budget"),
    Row(TICKET, "a file that cannot be imported leaves the last version running", kind="import_error"),
    Row(TICKET, "money is not an outage", kind="budget_burn"),
    Row(TICKET, "slower is not broken", kind="runtime_regression", is_critical=False),
    Row(PAGE, "it touches a promise", is_critical=True),
    Row(PAGE, "a deadline is a promise", kind="deadline_missed"),
    Row(TICKET, "nothing that somebody relies on at once"),
)


def severity_of(
    *,
    kind: str,
    is_critical: bool,
    has_tries_left: bool = False,
    is_fast_burn: bool = False,
    chosen: str = "auto",
) -> str:
    """`page` or `ticket`. What a rule says itself (`chosen`) goes before the table."""
    if chosen != "auto":
        return chosen
    facts = {
        "system": KINDS[kind].system,
        "kind": kind,
        "is_critical": is_critical,
        "has_tries_left": has_tries_left,
        "is_fast_burn": is_fast_burn,
    }
    return next(
        row.severity
        for row in TABLE
        if all(getattr(row, name) in (None, value) for name, value in facts.items())
    )
