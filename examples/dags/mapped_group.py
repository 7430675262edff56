"""A mapped task group: its tasks run once per element, each index waits only for its own, and one may fail alone."""

from datetime import datetime

from airflow.sdk import dag, task, task_group


@dag(schedule=None, start_date=datetime(2024, 1, 1), tags=["example", "mapping"])
def mapped_group():
    @task
    def list_regions() -> list[str]:
        return ["north", "south", "west"]

    @task_group
    def region(name: str):
        @task
        def extract(name: str) -> int:
            if name == "south":
                raise RuntimeError("nothing can be read of the south")
            return len(name)

        @task
        def load(size: int, name: str) -> str:
            return f"{name} has {size} letters"

        @task(trigger_rule="all_done")
        def clean_up(name: str) -> None:
            print(f"{name} is cleaned up")

        loaded = load(extract(name), name)
        loaded >> clean_up(name)
        return loaded

    @task(trigger_rule="all_done")
    def report(lines) -> list[str]:
        return sorted(lines)

    report(region.expand(name=list_regions()))


mapped_group()
