"""`apache-airflow-client`, unmodified, calls every method that it has; every answer fits Airflow's own description."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from airflow_client import client
from airflow_client.client import api as apis

from controlplane.execution import by_hand, logs
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.compat.client_plan import PLAN, REFUSED, UNREADABLE
from tests.support import airflow_schema, specs
from tests.support.assets import alias, asset, both
from tests.support.assets import consumer as waiting_dag
from tests.support.factories import created_run, make_member, make_person, parsed_dag, put_states
from tests.support.live_server import live_server
from tests.support.questions import waiting

PASSWORD = "a long enough password"
DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}


def _methods() -> dict[str, type]:
    """Every operation's method -> the class that has it."""
    found: dict[str, type] = {}
    for name in dir(apis):
        if name.endswith("Api"):
            for method in vars(getattr(apis, name)):
                if not method.startswith("_") and not method.endswith(
                    ("_with_http_info", "_without_preload_content")
                ):
                    found.setdefault(method, getattr(apis, name))
    return found


def test_the_plan_is_every_method() -> None:
    assert set(_methods()) == {name for name, _ in PLAN}
    assert len(_methods()) == 128


@pytest.fixture
def names(tenant: Tenant) -> dict[str, Any]:
    """A tenant with one of everything; what only it knows: the ids that stand in the plan by name."""
    make_member(tenant=tenant, role="Admin", user=make_person("mia", PASSWORD))
    orders = asset("orders")
    tasks = [
        specs.task("task_0", "task_1", extra_links=["Docs"], extra_link_keys={"Docs": "_link_Docs"}),
        specs.task("task_1", group_id="g", outlets=[orders, alias("latest")]),
        specs.task("many", is_mapped=True, expand={"kind": "dict", "values": {"x": [1, 2]}}),
    ]
    params = {"n": {"value": 1, "schema": {"type": "integer"}}}
    dag = parsed_dag(
        tenant,
        specs.dag("etl", tasks, groups=[{"group_id": "g"}], tags=["daily"], params=params),
        source="print('etl')\n",
    )
    parsed_dag(tenant, specs.dag("daily", [specs.task("only")], timetable=DAILY))
    waiting_dag(tenant, "waits", both(orders, asset("other")))
    run = created_run(tenant, dag, run_id="run_1", logical_date=datetime(2026, 3, 1, tzinfo=UTC))
    first = put_states(tenant, run, task_0="success", task_1="running")["task_0"]
    asked = waiting(tenant).row()
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=first.id).update(try_number=2)
        TaskTry(
            tenant=tenant,
            task_instance=first,
            try_number=1,
            epoch=1,
            state="failed",
            start_date=utc_now(),
            end_date=utc_now(),
            dag_version_id=first.dag_version_id,
        ).save(force_insert=True)
        bundle = BundleVersion.objects.order_by("-id").first()
        assert bundle is not None
        bundle.files, bundle.candidates = {"dags/etl.py": "1" * 64}, ["dags/etl.py"]
        bundle.save()
        FileError(
            tenant=tenant,
            serial=7,
            filename="dags/broken.py",
            kind="syntax",
            message="SyntaxError",
            stacktrace="Traceback",
            bundle_version=bundle,
            timestamp=utc_now(),
        ).save(force_insert=True)
        # The client cannot read a link that is not there yet, though Airflow describes it: so this one is.
        by_hand.add_xcom(
            run=run,
            task_id="task_0",
            map_index=-1,
            key="_link_Docs",
            value="https://d.example",
            now=utc_now(),
        )
        serial = Asset.objects.get(name="orders").serial
    key = logs.log_key(
        tenant_id=tenant.id, dag_id="etl", run_id="run_1", task_id="task_0", map_index=-1, try_number=2
    )
    logs.append(key=key, offset=0, data=b'{"timestamp":"2026-03-01T00:00:00Z","event":"hello"}\n')
    return {"ASSET": serial, "ASKED": asked.dag_id, "ASKED_RUN": asked.run_id}


@pytest.fixture
def api(tenant: Tenant, names: dict[str, Any], settings_base_url: str) -> Iterator[client.ApiClient]:
    host = f"{settings_base_url}/t/{tenant.slug}"
    answer = requests.post(f"{host}/auth/token", json={"username": "mia", "password": PASSWORD}, timeout=30)
    configuration = client.Configuration(host=host, access_token=answer.json()["access_token"])
    with client.ApiClient(configuration) as made:
        names["TOKEN"] = client.DAGApi(made).get_dag("etl").file_token
        yield made
        made.rest_client.pool_manager.clear()


@pytest.fixture
def settings_base_url(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that calls itself by its own address: sign-in leads there."""
    from django.conf import settings

    with live_server() as address:
        monkeypatch.setattr(settings, "BASE_URL", address)
        yield address


def _arguments(method: Any, given: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """The plan's words as the client's own models."""
    found = {
        key: names.get(value, value) if isinstance(value, str) else value for key, value in given.items()
    }
    body = found.pop("body", None)
    if body is None:
        return found
    body = {key: names.get(value, value) if isinstance(value, str) else value for key, value in body.items()}
    parameters = inspect.signature(method).parameters.values()
    name, model = next(
        (each.name, each.annotation) for each in parameters if hasattr(each.annotation, "from_dict")
    )
    return {**found, name: model.from_dict(body)}


def test_every_method_is_answered_as_described(
    api: client.ApiClient, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, Any]] = []
    send = api.rest_client.request

    def noting(method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        answer = send(method, url, *args, **kwargs)
        body = answer.read()
        kind = answer.getheader("Content-Type") or ""
        answers.append(
            {"method": method, "url": url, "status": answer.status, "content_type": kind, "body": body}
        )
        return answer

    monkeypatch.setattr(api.rest_client, "request", noting)
    methods, wrong = _methods(), []
    for name, given in PLAN:
        call = getattr(methods[name](api), name)
        arguments = _arguments(call, given, names)
        if name in UNREADABLE:
            bare = getattr(methods[name](api), f"{name}_without_preload_content")(**arguments)
            outcome = None if bare.status < 300 else f"{bare.status} {bare.data!r}"
        else:
            outcome = _outcome(call, arguments, REFUSED.get(name))
        if outcome:
            wrong.append(f"{name}: {outcome}")
    assert not wrong, "\n".join(wrong)
    if "AERODROME_TEST_RUNTIME" in os.environ:
        unfit = [mistake for answer in answers for mistake in airflow_schema.mistakes(**answer)]
        assert not unfit, "\n".join(["answers that Airflow's own description does not allow", *unfit])


def _outcome(call: Any, arguments: dict[str, Any], refusal: type[Exception] | None) -> str | None:
    """What went wrong in a call; None when it is answered, or refused as it should be."""
    try:
        call(**arguments)
    except Exception as error:
        if refusal is not None and isinstance(error, refusal):
            return None
        return f"{type(error).__name__}: {str(error)[:400]}"
    return None if refusal is None else f"was to be refused with {refusal.__name__}"
