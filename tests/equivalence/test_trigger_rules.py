"""`app.decide` (SQL) is `domain.trigger_rules.decide` for every rule and every small count, in one query each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from django.db import connection
from psycopg2.extras import execute_values

from domain.trigger_rules import RULE_CODES, Decision, UpstreamCounts, decide

pytestmark = pytest.mark.django_db

CODES = {
    Decision.WAIT: 0,
    Decision.RUN: 1,
    Decision.SKIP: 2,
    Decision.UPSTREAM_FAIL: 3,
    Decision.REMOVE: 4,
}
LARGEST = 4
MAP_INDEXES = (-1, 0, 1, 3)
Case = tuple[int, ...]


def _counts() -> Iterator[Case]:
    """(total, ok, failed, up_failed, skipped, removed, setups, setups_ok, setups_skipped)."""
    for total in range(LARGEST + 1):
        for parts in itertools.product(range(total + 1), repeat=5):
            if sum(parts) > total:
                continue
            ok, _, _, skipped, _ = parts
            for setups in range(total + 1):
                for setups_ok, setups_skipped in itertools.product(range(ok + 1), range(skipped + 1)):
                    if setups_ok + setups_skipped <= setups:
                        yield (total, *parts, setups, setups_ok, setups_skipped)


def _by_rules(rule: str, case: Case, map_index: int) -> int:
    total, ok, failed, up_failed, skipped, removed, setups, setups_ok, setups_skipped = case
    counts = UpstreamCounts(
        total=total,
        success=ok,
        failed=failed,
        upstream_failed=up_failed,
        skipped=skipped,
        removed=removed,
        setups_total=setups,
        setups_success=setups_ok,
        setups_skipped=setups_skipped,
    )
    return CODES[decide(rule=rule, counts=counts, map_index=map_index)]


def test_sql_decides_like_the_rules() -> None:
    wanted = {
        (RULE_CODES[rule], *case, map_index): _by_rules(rule, case, map_index)
        for rule in RULE_CODES
        for case in _counts()
        for map_index in MAP_INDEXES
    }
    assert len(wanted) > 10_000
    assert set(wanted.values()) == set(CODES.values())
    with connection.cursor() as cursor:
        rows = execute_values(
            cursor,
            "SELECT c.*, app.decide(c.rule::smallint, total, ok, failed, up_failed, skipped, removed, setups, setups_ok, "
            "setups_skipped, map_index) FROM (VALUES %s) AS c(rule, total, ok, failed, up_failed, skipped, "
            "removed, setups, setups_ok, setups_skipped, map_index)",
            list(wanted),
            page_size=len(wanted),
            fetch=True,
        )
    answers = {tuple(row[:11]): row[11] for row in rows}
    wrong = {case: (answers[case], want) for case, want in wanted.items() if answers[case] != want}
    assert not wrong, dict(itertools.islice(wrong.items(), 20))


def test_every_rule_has_a_code_of_its_own() -> None:
    """An unknown code decides nothing: such a row would wait for ever."""
    assert sorted(RULE_CODES.values()) == list(range(len(RULE_CODES)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT app.decide(13::smallint, 1, 1, 0, 0, 0, 0, 0, 0, 0, -1)")
        assert cursor.fetchall() == [(None,)]
