"""TaskFlow: extract, transform, check and load, passing small metadata through XComs."""

from datetime import datetime, timedelta

from airflow.decorators import dag, task


@dag(
    dag_id="orders_etl",
    schedule_interval="@daily",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=2)},
    doc_md=__doc__,
    tags=["example", "taskflow"],
)
def orders_etl():
    @task
    def extract(ds: str | None = None) -> dict:
        """Pretend to ask an API; only small results travel through XCom."""
        orders = [{"id": n, "amount": 10 * n, "country": "DE" if n % 3 else "FR"} for n in range(1, 31)]
        return {"day": ds, "orders": orders}

    @task(multiple_outputs=True)
    def transform(extracted: dict) -> dict:
        totals: dict[str, int] = {}
        for order in extracted["orders"]:
            totals[order["country"]] = totals.get(order["country"], 0) + order["amount"]
        return {"totals": totals, "count": len(extracted["orders"])}

    @task
    def check(count: int) -> int:
        if count == 0:
            raise ValueError("no orders today")
        return count

    @task
    def load(totals: dict, count: int) -> str:
        lines = [f"{country}: {total}" for country, total in sorted(totals.items())]
        print("\n".join(lines))
        return f"{count} orders in {len(lines)} countries"

    transformed = transform(extract())
    load(transformed["totals"], check(transformed["count"]))


orders_etl()
