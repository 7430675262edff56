"""app.weigh in SQL and domain.weighing.weigh give the same answer to whatever is read."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from django.db import connection

from domain.trigger_rules import RULE_CODES, Decision, UpstreamCounts
from domain.weighing import Above, weigh

pytestmark = pytest.mark.django_db
ANSWERS = [Decision.WAIT, Decision.RUN, Decision.SKIP, Decision.UPSTREAM_FAIL, Decision.REMOVE]


def _draw(random: Random) -> dict[str, Any]:
    ends = [random.choice([0, 0, 1, 2]) for _ in range(5)]
    above = [random.choice([0, 0, 0, 1]) for _ in range(4)]
    setups_ok, setups_skipped = random.randint(0, ends[0]), random.randint(0, ends[3])
    return {
        "rule": random.choice(sorted(RULE_CODES)),
        "has_upstream": random.random() < 0.9,
        "is_teardown": random.random() < 0.3,
        "map_index": random.randint(-1, 2),
        "total": sum(ends) + random.choice([0, 0, 1]),
        "ends": ends,
        "setups": setups_ok + setups_skipped + random.choice([0, 0, 1]),
        "setups_ok": setups_ok,
        "setups_skipped": setups_skipped,
        "above_total": sum(above) + random.choice([0, 0, 1]),
        "above": above,
        "scope_pending": random.choice([0, 0, 1]),
        "sources": random.sample(
            ["failed", "upstream_failed", "skipped", "removed"], random.choice([0, 0, 1])
        ),
        "sticky": random.random() < 0.1,
    }


def _by_domain(c: dict[str, Any]) -> int:
    ok, failed, up_failed, skipped, removed = c["ends"]
    direct = UpstreamCounts(
        total=c["total"], success=ok, failed=failed, upstream_failed=up_failed, skipped=skipped, removed=removed,
        setups_total=c["setups"], setups_success=c["setups_ok"], setups_skipped=c["setups_skipped"],
    )  # fmt: skip
    over, broken, left, gone = c["above"]
    setups = UpstreamCounts(total=c["above_total"], success=over, failed=broken, skipped=left, removed=gone)
    above = Above(
        has_upstream=c["has_upstream"], direct=direct, setups=setups, scope_pending=c["scope_pending"],
        sources=c["sources"], is_sticky=c["sticky"],
    )  # fmt: skip
    decision = weigh(rule=c["rule"], above=above, is_teardown=c["is_teardown"], map_index=c["map_index"])
    return ANSWERS.index(decision)


def _by_sql(cases: list[dict[str, Any]]) -> list[int]:
    rows = [
        [
            RULE_CODES[c["rule"]], c["has_upstream"], c["is_teardown"], c["map_index"], c["total"], *c["ends"],
            c["setups"], c["setups_ok"], c["setups_skipped"], c["above_total"], *c["above"], c["scope_pending"],
            *(name in c["sources"] for name in ("upstream_failed", "failed", "skipped", "removed")), c["sticky"],
        ]
        for c in cases
    ]  # fmt: skip
    with connection.cursor() as cursor:
        places = ", ".join(["%s::smallint", *["%s"] * (len(rows[0]) - 1)])
        found = []
        for row in rows:
            cursor.execute(f"SELECT app.weigh({places})", row)
            found.append(cursor.fetchone()[0])
        return found


def test_the_same_answer_to_two_thousand_readings(database: None) -> None:
    random = Random(13)
    cases = [_draw(random) for _ in range(2000)]
    wanted = [_by_domain(case) for case in cases]
    assert [one for one in zip(cases, _by_sql(cases), wanted, strict=True) if one[1] != one[2]] == []
    assert set(wanted) == set(range(5)), "every answer is among them"
