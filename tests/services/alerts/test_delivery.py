"""Notifications reach their receivers: at least once, with the same key, with patience, and never inside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import override_settings
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from controlplane.alerts import deliver, speak
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.notification_due import NotificationDue
from domain.alerting.message import Message, Occurrence
from tenants.scope import tenant_scope
from tests.support.alerting import KILLED, SIGNING, Desk, reaching_loopback
from tests.support.http_sink import HttpSink

FIXTURES = Path(__file__).parents[2] / "fixtures" / "notifications"
WHEN = datetime(2026, 11, 21, 3, 4, 5, tzinfo=UTC)
MESSAGE = Message(
    id="0190f0f0-0000-7000-8000-000000000001",
    event="opened",
    kind="run_failed",
    severity="page",
    tenant="acme",
    rule="nightly failures",
    owner="ada",
    cause="Task killed by SIGKILL.",
    url="https://aero.example/api/portal/v1/tenants/acme/alerts/0190f0f0",
    occurrences=25,
    runbook="https://wiki.example/etl",
    items=tuple(
        Occurrence(
            at=WHEN.isoformat(),
            dag_id="etl",
            run_id=f"manual__{number}",
            task_id="load <b> & *go*",
            map_index=number,
            try_number=2,
            what="the run failed",
            log_url=f"https://aero.example/t/acme/logs/{number}",
        )
        for number in range(2)
    ),
)


def pending(desk: Desk) -> int:
    with tenant_scope(desk.tenant.id):
        return NotificationDue.objects.count()


def opened(desk: Desk, **channel: Any) -> AlertChannel:
    """One failure, told to one channel, not delivered yet."""
    made = desk.channel(**channel)
    desk.rule(channels=[str(made.id)])
    desk.dag("etl")
    desk.run("etl", died=KILLED)
    desk.weigh()
    desk.tell()
    return made


def said_by(kind: str, config: dict[str, Any], secret: dict[str, str]) -> speak.Answer:
    with reaching_loopback():
        return speak.speak(
            kind=kind,
            config=config,
            secret=secret,
            message=MESSAGE,
            notification=UUID(int=7),
            made_at=WHEN,
            now=utc_now(),
        )


@pytest.mark.parametrize("kind", ["slack", "teams", "pagerduty", "webhook"])
def test_what_each_receiver_gets(kind: str, monkeypatch: pytest.MonkeyPatch, database: None) -> None:
    with HttpSink() as sink:
        monkeypatch.setattr(speak, "PAGERDUTY", {"us": f"{sink.url}/v2/enqueue"})
        secret = {"url": f"{sink.url}/in", "signing_secret": SIGNING, "routing_key": "R" * 32}
        assert said_by(kind, {"region": "us"}, secret).error is None
        [posted] = sink.posted
    golden = FIXTURES / f"{kind}.json"
    assert posted.json() == json.loads(golden.read_text(encoding="utf-8"))
    assert posted.headers["content-type"] == "application/json"
    assert SIGNING.encode() not in posted.body


def test_a_webhook_is_signed_over_what_is_sent(database: None) -> None:
    with HttpSink() as sink:
        said_by("webhook", {}, {"url": sink.url, "signing_secret": SIGNING})
        [posted] = sink.posted
    Webhook(SIGNING).verify(posted.body, posted.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING).verify(posted.body.replace(b"ada", b"eve"), posted.headers)


def test_a_mail_says_it_in_words(database: None) -> None:
    from tests.support.mail_server import MailServer

    server = MailServer()
    server.controller.start()
    try:
        options = {"host": "127.0.0.1", "port": server.port}
        with override_settings(SMTP_URL=f"smtp://127.0.0.1:{server.port}", SMTP_OPTIONS=options):
            assert said_by("email", {"to": ["ada@example.com"]}, {}) == speak.Answer(None, None)
            [mail] = server.mails
            server.refuses = "550 no"
            refused = said_by("email", {"to": ["ada@example.com"]}, {})
    finally:
        server.controller.stop()
    assert mail["Subject"] == "[acme] [page] Run failed in etl (25 times)"
    assert mail["Message-ID"] == f"<{UUID(int=7).hex}@aerodrome>"
    text = mail.get_content()
    for word in (
        "etl / manual__1 / load <b> & *go*[1] (try 2)",
        "Owner: ada",
        "logs/0",
        "wiki.example",
        "23 more",
    ):
        assert word in text
    assert refused.is_final


def test_without_a_mail_server_a_mail_is_given_up_with_the_reason(database: None) -> None:
    assert settings.SMTP_URL == ""
    answer = said_by("email", {"to": ["ada@example.com"]}, {})
    assert (answer.is_final, "AERODROME_SMTP_URL" in str(answer.error)) == (True, True)


def test_a_receiver_that_is_down_is_tried_again_with_the_same_key(desk: Desk) -> None:
    opened(desk)
    desk.sink.answers = [500, 503]
    for _ in range(3):
        desk.deliver()
        desk.hasten()
    ids = {posted.headers["webhook-id"] for posted in desk.sink.posted}
    assert (len(desk.sink.posted), len(ids)) == (3, 1)
    [row] = desk.notifications()
    assert (row.state, row.attempts) == ("sent", 3)
    assert [one["status"] for one in row.tries] == [500, 503, 200]
    assert pending(desk) == 0


def test_tries_wait_longer_and_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "TRIES", 3)
    made = opened(desk)
    desk.sink.status = 500
    waits = []
    for _ in range(2):
        desk.deliver()
        with tenant_scope(desk.tenant.id):
            waits.append((NotificationDue.objects.get().due_at - utc_now()).total_seconds())
        assert desk.deliver() == 0, "not due yet"
        desk.hasten()
    desk.deliver()
    assert waits[0] < waits[1]
    assert [row.state for row in desk.notifications()] == ["failed"]
    assert pending(desk) == 0
    with tenant_scope(desk.tenant.id):
        assert AlertChannel.objects.get(id=made.id).last_error == "127.0.0.1 answered 500"


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_an_answer_that_stays_gives_up_at_once_and_no_redirect_is_followed(desk: Desk, status: int) -> None:
    opened(desk)
    desk.sink.status = status
    desk.sink.headers = {"Location": f"{desk.sink.url}/elsewhere"}
    desk.deliver()
    assert [posted.path for posted in desk.sink.posted] == ["/hook"]
    assert [row.state for row in desk.notifications()] == ["failed"]


def test_a_receiver_may_ask_for_patience(desk: Desk) -> None:
    opened(desk)
    desk.sink.answers, desk.sink.headers = [429], {"Retry-After": "3000"}
    desk.deliver()
    with tenant_scope(desk.tenant.id):
        left = (NotificationDue.objects.get().due_at - utc_now()).total_seconds()
    assert 2900 < left <= 3000


def test_an_internal_address_is_never_spoken_to(desk: Desk) -> None:
    opened(desk)
    assert settings.NOTIFY_NETWORKS == ()
    deliver.deliver_due(now=utc_now())
    assert desk.sink.posted == []
    [row] = desk.notifications()
    assert (row.state, row.tries[0]["error"]) == ("failed", "the address is not one of the Internet's own")


def test_a_sender_that_died_after_the_answer_is_followed_by_one_that_says_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(desk)

    class Died(Exception):
        pass

    def dies(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as one, pytest.raises(Died):
        one.setattr(deliver._Job, "note", dies)
        desk.deliver()
    assert desk.deliver() == 0, "its lease holds"
    desk.hasten()
    desk.deliver()
    keys = [posted.headers["webhook-id"] for posted in desk.sink.posted]
    assert len(keys) == 2 and len(set(keys)) == 1
    assert [(row.state, row.attempts) for row in desk.notifications()] == [("sent", 1)]


def test_a_sender_that_lost_its_lease_notes_nothing(desk: Desk) -> None:
    opened(desk)
    [(due, tenant, _, fence)] = execute("alerts/sql/claim_due.sql", using="scheduler", seconds=60.0, batch=9)
    for said, state in ((fence - 1, "failed"), (fence, "sent")):
        with tenant_scope(tenant, using="scheduler"):
            execute(
                "alerts/sql/note_try.sql",
                using="scheduler",
                due=due,
                fence=said,
                state=state,
                again_at=None,
                **{"try": '[{"status": 200}]'},
                error=None,
                now=utc_now(),
            )
    assert [(row.state, row.attempts) for row in desk.notifications()] == [("sent", 1)]


def test_a_channel_whose_seal_is_broken_is_not_spoken_to_and_is_tried_later(desk: Desk) -> None:
    made = opened(desk)
    with tenant_scope(desk.tenant.id):
        AlertChannel.objects.filter(id=made.id).update(sealed=b"\x01" + b"x" * 80)
    desk.deliver()
    assert desk.sink.posted == []
    [row] = desk.notifications()
    assert (row.state, row.tries[0]["error"]) == ("pending", "its credential cannot be opened")


def test_one_slow_tenant_does_not_keep_another_waiting(desk: Desk, other_tenant: Any) -> None:
    opened(desk)
    theirs = Desk(other_tenant, desk.sink)
    opened(theirs, name="theirs")
    assert desk.deliver() == 2
    assert sorted(posted.path for posted in desk.sink.posted) == ["/hook", "/theirs"]
