"""Dynamic task mapping: over a list known when the file is read, and over what a task returns."""

from datetime import datetime

from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2024, 1, 1), tags=["example", "mapping"])
def mapping():
    @task
    def square(n: int) -> int:
        return n * n

    @task
    def list_files() -> list[str]:
        return ["a.csv", "bb.csv", "ccc.csv", "dddd.csv"]

    @task
    def measure(name: str, unit: str) -> int:
        print(f"{name}: {len(name)} {unit}")
        return len(name)

    @task
    def add_up(squares, sizes) -> int:
        return sum(squares) + sum(sizes)

    @task
    def no_files() -> list[str]:
        return []

    @task
    def never(name: str) -> None:
        raise AssertionError("an empty list maps to no task")

    squares = square.expand(n=[1, 2, 3])
    sizes = measure.partial(unit="letters").expand(name=list_files())
    add_up(squares, sizes)
    never.expand(name=no_files())


mapping()
