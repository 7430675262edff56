"""A report in each channel's form: named a report, with its period, and nothing of an alert."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from domain.alerting import forms
from domain.alerting.message import REPORT, Message, Occurrence, from_json, to_json

LINES = [
    "Runs: 5 succeeded, 1 failed; success 83.33 %, before none",
    "Deadlines missed: 0; alerts: 1 pages, 2 tickets",
]
MESSAGE = Message(
    id="0196",
    event=REPORT,
    kind=REPORT,
    severity=REPORT,
    tenant="acme",
    rule="weekly",
    owner="ada",
    cause="2026-05-04 to 2026-05-10",
    url="https://example.com/reports/0196",
    items=tuple(Occurrence(at="2026-05-11T06:00:00+00:00", what=line) for line in LINES),
    figures={"runs": {"failed": 1}, "period": "weekly"},
)


def test_a_mail() -> None:
    subject, text = forms.email(MESSAGE)
    assert subject == "[acme] [report] weekly: 2026-05-04 to 2026-05-10"
    assert [line[2:] for line in text.splitlines() if line.startswith("- ")] == LINES
    assert "Asked for by: ada" in text and "Report: https://example.com/reports/0196" in text
    assert "alert:" not in text.lower().replace("alerts:", "")


def test_chat_rooms() -> None:
    for body in (forms.slack(MESSAGE), forms.teams(MESSAGE)):
        said = json.dumps(body)
        assert "Open the report" in said and "Open the alert" not in said
        assert "2026-05-04 to 2026-05-10" in said and "5 succeeded" in said
        assert "more" not in said, "nothing is left out"


def test_a_webhook_has_the_figures() -> None:
    body = forms.webhook(MESSAGE, at=datetime(2026, 5, 11, tzinfo=UTC).isoformat())
    assert (body["type"], body["data"]["runs"], body["data"]["lines"]) == (
        "report.made",
        {"failed": 1},
        LINES,
    )


def test_it_is_kept_as_it_was_said() -> None:
    assert from_json(json.loads(json.dumps(to_json(MESSAGE)))) == MESSAGE
    older = {name: value for name, value in to_json(MESSAGE).items() if name != "figures"}
    assert from_json(older).figures is None, "rows from before there were reports"
