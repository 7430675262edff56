"""Task groups, and a setup and a teardown around the work that needs them."""

from datetime import datetime

from airflow.sdk import DAG, TaskGroup, task

with DAG("warehouse", schedule="0 4 * * 1-5", start_date=datetime(2024, 1, 1), tags=["example", "groups"]) as dag:

    @task
    def create_cluster() -> str:
        return "cluster-1"

    @task
    def delete_cluster(name: str) -> None:
        print(f"{name} is gone")

    @task
    def query(name: str, table: str) -> int:
        print(f"{table} on {name}")
        return len(table)

    @task
    def publish() -> None:
        print("published")

    cluster = create_cluster()
    with TaskGroup("facts", tooltip="One query per table") as facts:
        counts = [query.override(task_id=f"query_{table}")(cluster, table) for table in ("sales", "stock")]
    teardown = delete_cluster(cluster).as_teardown(setups=cluster)
    facts >> teardown
    facts >> publish()
