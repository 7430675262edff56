from pathlib import Path

import pytest

from taskwire.dagspec import TimetableSpec
from tests.support.airflow_runtime import AirflowRuntime, write

FILE = """
    import pendulum
    from datetime import timedelta, datetime
    from dateutil.relativedelta import relativedelta, FR
    from airflow.sdk import *
    from airflow.timetables import trigger as core_trigger, interval as core_interval
    d = DAG("d", start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Berlin"), schedule={schedule})
"""
ASSET = {"type": "asset", "name": "a", "uri": "a", "group": "asset"}


def told(runtime: AirflowRuntime, bundle: Path, schedule: str) -> TimetableSpec:
    parsed = runtime.parse_text(bundle=bundle, text=FILE.format(schedule=schedule))
    assert parsed.failures == []
    return parsed.dags[0].timetable


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("None", {"kind": "null", "summary": "None", "can_be_scheduled": False}),
        ("'@once'", {"kind": "once", "summary": "@once"}),
        ("'@daily'", {"kind": "trigger_cron", "expression": "0 0 * * *", "timezone": "Europe/Berlin"}),
        ("'0 2 * * 1,3'", {"kind": "trigger_cron", "description": "At 02:00, only on Monday and Wednesday"}),
        ("timedelta(hours=25)", {"kind": "trigger_delta", "delta": {"days": 1.0, "seconds": 3600.0}}),
        (
            "relativedelta(months=1, day=1, weekday=FR(-1))",
            {
                "kind": "trigger_delta",
                "delta": {"months": 1.0, "day": 1.0, "weekday": 4.0, "weekday_n": -1.0},
            },
        ),
        (
            "CronDataIntervalTimetable('@hourly', timezone='UTC')",
            {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"},
        ),
        ("DeltaDataIntervalTimetable(timedelta(minutes=5))", {"kind": "delta", "delta": {"seconds": 300.0}}),
        (
            "CronTriggerTimetable('0 1 * * *', timezone='UTC', interval=timedelta(days=1), run_immediately=True)",
            {"kind": "trigger_cron", "interval_seconds": 86400.0, "run_immediately": True},
        ),
        (
            "CronTriggerTimetable('0 1 * * *', timezone='UTC', interval=relativedelta(months=1),"
            " run_immediately=timedelta(minutes=1))",
            {"interval": {"months": 1.0}, "interval_seconds": 0.0, "run_immediately_seconds": 60.0},
        ),
        (
            "MultipleCronTriggerTimetable('0 1 * * *', '@weekly', timezone='UTC')",
            {"kind": "multi_trigger_cron", "expressions": ["0 1 * * *", "0 0 * * 0"], "timezone": "UTC"},
        ),
        (
            "core_trigger.CronTriggerTimetable('@daily', timezone='UTC')",
            {"kind": "trigger_cron", "expression": "0 0 * * *", "timezone": "UTC"},
        ),
        (
            "core_interval.DeltaDataIntervalTimetable(timedelta(days=1))",
            {"kind": "delta", "delta": {"days": 1.0}},
        ),
        (
            "EventsTimetable([pendulum.datetime(2024, 2, 1), pendulum.datetime(2024, 1, 1)], description='Games')",
            {
                "kind": "events",
                "instants": ["2024-01-01T00:00:00+00:00", "2024-02-01T00:00:00+00:00"],
                "summary": "Games",
            },
        ),
        ("[Asset('a')]", {"kind": "asset", "condition": {"type": "all", "objects": [ASSET]}}),
        (
            "Asset('a') | (AssetAlias('b') & Asset.ref(name='c'))",
            {
                "kind": "asset",
                "condition": {
                    "type": "any",
                    "objects": [
                        ASSET,
                        {
                            "type": "all",
                            "objects": [
                                {"type": "alias", "name": "b", "group": "asset"},
                                {"type": "ref", "name": "c"},
                            ],
                        },
                    ],
                },
            },
        ),
        ("CronPartitionTimetable('@daily', timezone='UTC', run_offset=-1)", {"kind": "partition_cron"}),
        ("PartitionedAtRuntime()", {"kind": "partition_runtime", "can_be_scheduled": False}),
    ],
)
def test_kind_and_fields(
    runtime: AirflowRuntime, tmp_path: Path, schedule: str, expected: dict[str, object]
) -> None:
    spec = told(runtime, tmp_path, schedule)
    assert {name: getattr(spec, name) for name in expected} == expected


def test_continuous_allows_one_run(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "from airflow.sdk import DAG\nd = DAG('d', schedule='@continuous', max_active_runs=1)\n"
    spec = runtime.parse_text(bundle=tmp_path, text=text).dags[0].timetable
    assert (spec.kind, spec.active_runs_limit) == ("continuous", 1)


def test_asset_or_time_holds_its_time_part(runtime: AirflowRuntime, tmp_path: Path) -> None:
    schedule = (
        "AssetOrTimeSchedule(timetable=CronTriggerTimetable('@daily', timezone='UTC'), assets=[Asset('a')])"
    )
    spec = told(runtime, tmp_path, schedule)
    assert spec.kind == "asset_or_time"
    assert spec.summary == "Asset or 0 0 * * *"
    assert spec.child is not None
    assert (spec.child.kind, spec.child.expression) == ("trigger_cron", "0 0 * * *")


def test_the_tenants_own_timetable_names_itself_and_its_data(runtime: AirflowRuntime, tmp_path: Path) -> None:
    """Airflow itself refuses one that no plugin registers."""
    write(
        tmp_path,
        {
            "plugins/workdays.py": """
                from airflow.timetables.base import Timetable

                class Workdays(Timetable):
                    description = "Each workday"
                    def __init__(self, hour): self.hour = hour
                    @property
                    def summary(self): return f"workdays at {self.hour}"
                    def serialize(self): return {"hour": self.hour}
                    @classmethod
                    def deserialize(cls, data): return cls(**data)
            """
        },
    )
    text = "from airflow.sdk import DAG\nfrom workdays import Workdays\nd = DAG('d', schedule=Workdays(7))\n"
    parsed = runtime.parse_text(bundle=tmp_path, text=text)
    assert parsed.failures == []
    spec = parsed.dags[0].timetable
    assert spec.kind == "custom"
    assert spec.custom == {"path": "workdays.Workdays", "data": {"hour": 7}}
    assert (spec.summary, spec.description) == ("workdays at 7", "Each workday")
    assert spec.condition is None
