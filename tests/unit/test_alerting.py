"""The rules about alerts: properties over random cases, and the tables line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerting import burn, forms, regression
from domain.alerting.grouping import NO_OWNER, RAISED, group_key, normal_cause, owner_of
from domain.alerting.message import SHOWN, Message, Occurrence, from_json, to_json
from domain.alerting.routing import Route, channels_for, next_step, on_duty
from domain.alerting.rules import KINDS, Subject, fits
from domain.alerting.severity import TABLE, severity_of
from domain.retry_waits import FIRST_SECONDS, LONGEST_SECONDS, wait_seconds

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)


@pytest.mark.parametrize(
    ("kind", "facts", "expected"),
    [
        ("run_failed", {"is_critical": True}, "page"),
        ("run_failed", {"is_critical": False}, "ticket"),
        ("task_failed", {"is_critical": True, "has_tries_left": True}, "ticket"),
        ("task_failed", {"is_critical": True}, "page"),
        ("deadline_missed", {"is_critical": False}, "page"),
        ("no_consumer", {"is_critical": False}, "page"),
        ("secret_failed", {"is_critical": False}, "page"),
        ("import_error", {"is_critical": True}, "ticket"),
        ("budget_burn", {"is_critical": True}, "ticket"),
        ("canary_failed", {"is_critical": False}, "ticket"),
        ("canary_failed", {"is_critical": True}, "page"),
        ("runtime_regression", {"is_critical": False}, "ticket"),
        ("runtime_regression", {"is_critical": True}, "page"),
        ("error_budget", {"is_critical": True, "is_fast_burn": True}, "page"),
        ("error_budget", {"is_critical": True, "is_fast_burn": False}, "ticket"),
        ("error_budget", {"is_critical": False, "is_fast_burn": True}, "ticket"),
        ("run_failed", {"is_critical": True, "chosen": "ticket"}, "ticket"),
    ],
)
def test_page_or_ticket(kind: str, facts: dict[str, object], expected: str) -> None:
    assert severity_of(kind=kind, **facts) == expected  # type: ignore[arg-type]


@given(st.sampled_from(sorted(KINDS)), st.booleans(), st.booleans(), st.booleans())
def test_the_table_answers_always(kind: str, critical: bool, left: bool, fast: bool) -> None:
    said = severity_of(kind=kind, is_critical=critical, has_tries_left=left, is_fast_burn=fast)
    assert said in {row.severity for row in TABLE}


def counts(rate: float, objective: float, total: int = 100_000) -> tuple[int, int]:
    return round(total * rate * (1 - objective)), total


@pytest.mark.parametrize(
    ("short_rate", "long_rate", "tier"),
    [(11, 11, "fast"), (11, 9, "escalate"), (9, 11, "escalate"), (10, 10, "escalate"), (4, 4, "escalate"),
     (3.9, 3.9, "slow"), (1.5, 1.5, "slow"), (1, 1, None), (0, 0, None)],
)  # fmt: skip
def test_a_burn_reaches_its_tier(short_rate: float, long_rate: float, tier: str | None) -> None:
    shorts = {one.short_seconds for one in burn.TIERS}
    given_counts = {
        seconds: counts(short_rate if seconds in shorts else long_rate, 0.99) for seconds in burn.WINDOWS
    }
    found = burn.burning(counts=given_counts, objective=0.99, least_runs=4)
    assert (found and found.tier) == tier


@given(st.dictionaries(st.sampled_from(burn.WINDOWS), st.tuples(st.integers(0, 50), st.integers(0, 50)),
                       min_size=len(burn.WINDOWS)), st.integers(1, 20))  # fmt: skip
def test_fewer_failures_never_burn_faster(given_counts: dict[int, tuple[int, int]], window: int) -> None:
    order = [None, *(tier.name for tier in reversed(burn.TIERS))]
    full = {s: (min(f, t), t) for s, (f, t) in given_counts.items()}
    less = {s: (max(f - window, 0), t) for s, (f, t) in full.items()}
    found, fewer = (burn.burning(counts=c, objective=0.9, least_runs=4) for c in (full, less))
    assert order.index(fewer and fewer.tier) <= order.index(found and found.tier)


def test_a_few_runs_say_nothing() -> None:
    all_failed = dict.fromkeys(burn.WINDOWS, (3, 3))
    assert burn.burning(counts=all_failed, objective=0.99, least_runs=4) is None
    assert burn.burning(counts=all_failed, objective=0.99, least_runs=3) is not None


@given(st.lists(st.floats(1, 1000), min_size=5, max_size=50), st.floats(1, 1000))
def test_a_run_within_what_was_seen_is_slow_only_beyond_the_deviations(
    earlier: list[float], seconds: float
) -> None:
    found = regression.slow_run(seconds=seconds, earlier=earlier, least_runs=5, deviations=6, least_seconds=0)
    if found is not None:
        assert found.seconds > found.usual_seconds
        assert found.deviations > 6
    assert regression.slow_run(
        seconds=seconds, earlier=earlier[:4], least_runs=5, deviations=6, least_seconds=0
    ) is None  # fmt: skip


def test_one_odd_run_does_not_move_what_is_usual() -> None:
    usual = [60.0, 61, 59, 60, 62, 58]
    slow = {"least_runs": 5, "deviations": 6, "least_seconds": 10}
    assert regression.slow_run(seconds=90, earlier=usual, **slow) is not None  # type: ignore[arg-type]
    assert regression.slow_run(seconds=90, earlier=[*usual, 9000.0], **slow) is not None  # type: ignore[arg-type]
    assert regression.slow_run(seconds=66, earlier=usual, **slow) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("agent node-17 was lost at 12:04:05", "agent node-3 was lost at 09:00:00"),
        (f"pod {uuid4()} evicted", f"pod {uuid4()} evicted"),
        ("signal 9, pid 4711", "signal 9, pid 12"),
    ],
)
def test_the_same_trouble_is_the_same_cause(one: str, other: str) -> None:
    assert normal_cause(one) == normal_cause(other)


@given(st.text(max_size=500))
def test_a_normal_cause_stays(text: str) -> None:
    assert normal_cause(normal_cause(text)) == normal_cause(text)
    assert len(normal_cause(text)) <= 300


@given(names, names, names, names)
def test_groups_are_apart_by_rule_owner_and_cause(rule: str, owner: str, cause: str, dag: str) -> None:
    key = group_key(rule=rule, owner=owner, cause=cause, dag_id=dag)
    assert key != group_key(rule=rule + "x", owner=owner, cause=cause, dag_id=dag)
    assert key != group_key(rule=rule, owner=owner + "x", cause=cause, dag_id=dag)
    same = group_key(rule=rule, owner=owner, cause=cause, dag_id=dag + "x") == key
    assert same is (cause not in ("", RAISED))


@given(st.lists(names))
def test_the_owner_does_not_depend_on_the_order(owners: list[str]) -> None:
    assert owner_of(owners) == owner_of(list(reversed(owners)))
    assert owner_of([]) == NO_OWNER


@given(names, st.lists(names, max_size=3), st.lists(names, max_size=3))
def test_an_empty_selector_fits_all_and_each_list_narrows(
    dag: str, owners: list[str], tags: list[str]
) -> None:
    subject = Subject(dag, owners, tags)
    assert fits({}, subject) and fits({"dag_ids": []}, subject) and fits({"dag_ids": ["*"]}, subject)
    assert fits({"owners": ["*"]}, subject) is bool(owners)
    assert not fits({"dag_ids": ["*"]}, Subject(None))


def test_turns_are_equally_long_and_come_round() -> None:
    turns = {"starts_at": NOW.isoformat(), "every_seconds": 3600}
    on = [
        on_duty(channels=["a", "b", "c"], rotation=turns, now=NOW + timedelta(hours=h)) for h in range(-1, 4)
    ]
    assert on == [["c"], ["a"], ["b"], ["c"], ["a"]]


@given(st.lists(st.sampled_from("abc"), max_size=6), st.integers(-10_000, 10_000))
def test_somebody_is_always_on_duty(channels: list[str], hours: int) -> None:
    turns = {"starts_at": NOW.isoformat(), "every_seconds": 5000}
    found = on_duty(channels=channels, rotation=turns, now=NOW + timedelta(hours=hours))
    assert (len(found) == 1 and found[0] in channels) if channels else found == []


def test_the_rules_own_channels_go_before_routes_and_the_first_route_wins() -> None:
    routes = [Route("team-*", "page", ["p"]), Route("team-*", None, ["t"]), Route("*", None, ["all"])]

    def told(owner: str, severity: str, own: list[str] | None = None) -> list[str]:
        return channels_for(own=own or [], routes=routes, owner=owner, severity=severity, now=NOW)

    assert told("team-a", "page") == ["p"]
    assert told("team-a", "ticket") == ["t"]
    assert told("ada", "page") == ["all"]
    assert told("ada", "page", ["x", "x"]) == ["x"]
    assert channels_for(own=[], routes=[], owner="ada", severity="page", now=NOW) == []


def test_steps_come_in_turn_and_end() -> None:
    steps = [{"after_seconds": 60, "channels": ["b"]}, {"after_seconds": 120, "channels": ["c"]}]
    found = [next_step(escalation=steps, taken=n, notified_at=NOW) for n in range(3)]
    assert found == [(NOW + timedelta(seconds=60), ["b"]), (NOW + timedelta(seconds=120), ["c"]), None]


@given(st.integers(1, 60), st.uuids())
def test_waits_grow_to_a_bound(tries: int, seed: UUID) -> None:
    wait = wait_seconds(tries=tries, seed=seed.int)
    assert FIRST_SECONDS <= wait <= LONGEST_SECONDS * 1.2
    assert wait == wait_seconds(tries=tries, seed=seed.int)


@given(st.lists(st.builds(Occurrence, at=names, dag_id=names, run_id=names, task_id=names, what=names,
                          log_url=st.just("https://x/1"), map_index=st.integers(-1, 5)), max_size=60), names)  # fmt: skip
def test_any_message_takes_any_form(items: list[Occurrence], word: str) -> None:
    message = Message(
        id="1", event="opened", kind="run_failed", severity="page", tenant="t", rule=word, owner=word, cause=word,
        url="https://x", occurrences=max(len(items), 1), items=tuple(items),
    )  # fmt: skip
    assert from_json(to_json(message)) == message
    assert forms.teams(message)
    assert forms.pagerduty(message, routing_key="k")
    assert forms.webhook(message, at="")
    subject, _ = forms.email(message)
    assert "\n" not in subject and "\r" not in subject
    blocks = forms.slack(message)["blocks"]
    assert len(blocks) < 50 and all(len(b.get("text", {}).get("text", "")) <= 3000 for b in blocks)
    assert "<!" not in str(forms.slack(message))
    assert message.left_out == max(message.occurrences - min(len(items), SHOWN), 0)
