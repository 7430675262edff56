"""Partition mappers give Airflow's own answers, case by case; those that are not Airflow's are refused."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from domain.partition_mappers import IDENTITY, check, is_received, partition_date_of, to_downstream
from domain.partition_windows import PartitionInvalid

HERE = Path(__file__).parent
STORED = HERE.parent / "fixtures" / "partition_mappers.json"
TEMPORAL = "airflow.partition_mappers.temporal."
WINDOW = "airflow.partition_mappers.window."
KEYS = ["2024-03-13T10:42:15", "2024-03-10T02:30:00", "2024-11-03T01:30:00", "2024-12-31T23:59:59", "odd"]


def encoded(path: str, **fields: Any) -> dict[str, Any]:
    return {"__type": f"airflow.partition_mappers.{path}", "__var": fields}


def temporal(period: str, output: str, **fields: Any) -> dict[str, Any]:
    told = {"timezone": "UTC", "input_format": "%Y-%m-%dT%H:%M:%S", "output_format": output, **fields}
    return encoded(f"temporal.StartOf{period}Mapper", **told)


def window(name: str, direction: str = "forward") -> dict[str, Any]:
    return encoded(f"window.{name}Window", direction=direction)


PERIODS = {
    "Hour": "%Y-%m-%dT%H",
    "Day": "%Y-%m-%d",
    "Week": "%Y-%m-%d (W%V)",
    "Month": "%Y-%m",
    "Quarter": "%Y-Q{quarter}",
    "Year": "%Y",
}
ALL = encoded("wait_policy.WaitForAll")


def rollup(upstream: dict[str, Any], over: dict[str, Any], policy: dict[str, Any] = ALL) -> dict[str, Any]:
    return encoded("base.RollupMapper", upstream_mapper=upstream, window=over, wait_policy=policy)


def _mappers() -> list[dict[str, Any]]:
    found = [temporal(period, form) for period, form in PERIODS.items()]
    found += [temporal(period, form, timezone="America/New_York") for period, form in PERIODS.items()]
    found += [temporal("Day", "%d.%m.%Y", timezone=7200)]
    for direction in ("forward", "backward"):
        for period in ("Hour", "Day", "Week", "Month", "Quarter", "Year"):
            found.append(rollup(temporal(period, PERIODS[period]), window(period, direction)))
            if period != "Hour":
                fine = {"Day": "Hour", "Week": "Day", "Month": "Day", "Quarter": "Month", "Year": "Month"}
                found.append(
                    encoded(
                        "temporal.FanOutMapper",
                        upstream_mapper=temporal(period, PERIODS[period]),
                        window=window(period, direction),
                        downstream_mapper=temporal(fine[period], PERIODS[fine[period]]),
                    )
                )
    hourly = temporal("Day", "%Y-%m-%d", timezone="America/New_York", input_format="%Y-%m-%dT%H:%M:%S")
    found.append(rollup(hourly, window("Day")))
    for least in (2, 30, -1, -40):
        found.append(
            rollup(temporal("Day", "%Y-%m-%d"), window("Day"), encoded("wait_policy.MinimumCount", n=least))
        )
    found += [
        IDENTITY,
        encoded("fixed_key.FixedKeyMapper", downstream_key="all"),
        encoded("allowed_key.AllowedKeyMapper", allowed_keys=["odd", "even"]),
        rollup(
            encoded("fixed_key.FixedKeyMapper", downstream_key="all"),
            encoded("window.SegmentWindow", segments=["us", "eu"]),
        ),
        encoded(
            "chain.ChainMapper", mappers=[temporal("Hour", "%Y-%m-%dT%H:%M:%S"), temporal("Day", "%Y-%m-%d")]
        ),
        encoded("product.ProductMapper", mappers=[temporal("Day", "%Y-%m-%d"), IDENTITY], delimiter="|"),
    ]
    return found


CASES = [{"mapper": mapper, "key": key} for mapper in _mappers() for key in (*KEYS, "2024-03-13T10:42:15|eu")]


def ours(case: dict[str, Any]) -> dict[str, Any]:
    mapper = case["mapper"]
    told: dict[str, Any] = {}
    try:
        told["keys"] = to_downstream(mapper, case["key"])
    except PartitionInvalid:
        return {"keys": None}
    target = told["keys"][0]
    try:
        date = partition_date_of(mapper, target)
        told["date"] = None if date is None else date.timestamp()
    except PartitionInvalid:
        told["date"] = "refused"
    return told


ANSWERS: list[dict[str, Any]] = json.loads(STORED.read_text()) if STORED.exists() else []


def test_answers_are_airflows() -> None:
    assert len(ANSWERS) == len(CASES) > 200
    for case, answer in zip(CASES, ANSWERS, strict=True):
        found = ours(case)
        assert (
            found == {name: answer[name] for name in found}
            and found.keys()
            | {
                "expected",
                "satisfied",
            }
            >= answer.keys()
        ), case
        if "expected" in answer:
            expected = answer["expected"]
            received = [
                is_received(case["mapper"], target=answer["keys"][0], sources=set(some))
                for some in (expected, expected[1:], expected[:1], [])
            ]
            assert received == answer["satisfied"], case


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
def test_stored_answers_are_those_of_airflow() -> None:
    done = subprocess.run(
        [os.environ["AERODROME_TEST_RUNTIME"], HERE / "oracle_partition_mappers.py"],
        input=json.dumps(CASES),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ANSWERS


@pytest.mark.parametrize(
    "mapper",
    [
        {"__type": "mine.Mapper", "__var": {}},
        encoded("chain.ChainMapper", mappers=[IDENTITY, {"__type": "mine.Mapper", "__var": {}}]),
        rollup(temporal("Day", "%Y-%m-%d"), {"__type": "mine.Window", "__var": {}}),
        rollup(temporal("Day", "%Y-%m-%d"), window("Day"), {"__type": "mine.Policy", "__var": {}}),
    ],
)
def test_what_is_not_airflows_own_is_refused(mapper: dict[str, Any]) -> None:
    with pytest.raises(PartitionInvalid, match="Airflow's own"):
        check(mapper)


def test_too_many_keys_are_refused() -> None:
    mapper = encoded(
        "temporal.FanOutMapper",
        upstream_mapper=temporal("Day", "%Y-%m-%d"),
        window=window("Day"),
        downstream_mapper=temporal("Hour", "%Y-%m-%dT%H"),
        max_downstream_keys=23,
    )
    with pytest.raises(PartitionInvalid, match="24 keys"):
        to_downstream(mapper, "2024-03-13T10:42:15")
    mapper["__var"]["max_downstream_keys"] = 24
    assert len(to_downstream(mapper, "2024-03-13T10:42:15")) == 24
