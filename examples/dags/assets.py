"""A producer and a consumer: a success of the first writes an event of its asset, and the event starts the second."""

from datetime import datetime

from airflow.sdk import Asset, Metadata, dag, task

prices = Asset(name="prices", uri="file://warehouse/prices.csv", group="examples")


@dag(schedule=None, start_date=datetime(2024, 1, 1), tags=["example", "assets"])
def asset_producer():
    @task
    def fetch() -> dict[str, float]:
        return {"bolt": 0.1, "nut": 0.05}

    @task(outlets=[prices])
    def publish(found: dict[str, float]):
        yield Metadata(prices, extra={"rows": len(found)})

    publish(fetch())


@dag(schedule=[prices], start_date=datetime(2024, 1, 1), tags=["example", "assets"])
def asset_consumer():
    @task
    def what_came(triggering_asset_events=None) -> list[int]:
        """The rows that each event told of; nothing when a person started the run."""
        return [event.extra["rows"] for event in triggering_asset_events[prices]]

    @task
    def report(rows: list[int]) -> str:
        return f"{len(rows)} events, {sum(rows)} rows"

    report(what_came())


asset_producer()
asset_consumer()
