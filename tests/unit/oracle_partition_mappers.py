"""Run by the Airflow of a runtime: what its partition mappers answer. Reads cases as JSON, writes answers as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    from airflow.serialization.decoders import decode_partition_mapper

    mapper = decode_partition_mapper(case["mapper"])
    told: dict[str, Any] = {}
    try:
        found = mapper.to_downstream(case["key"])
        told["keys"] = [found] if isinstance(found, str) else list(found)
    except Exception:
        return {"keys": None}
    target = told["keys"][0]
    try:
        date = mapper.to_partition_date(target)
        told["date"] = None if date is None else date.timestamp()
    except Exception:
        told["date"] = "refused"
    if mapper.is_rollup:
        expected = sorted(mapper.to_upstream(target))
        told["expected"] = expected
        told["satisfied"] = [
            mapper.wait_policy.is_satisfied_by_keys(matched=set(some), expected=set(expected)).satisfied
            for some in (expected, expected[1:], expected[:1], [])
        ]
    return told


if __name__ == "__main__":
    json.dump([_answer(case) for case in json.load(sys.stdin)], sys.stdout)
