"""First migrations are made with `tenants.creation`: Django's own operations render every model for each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.state import ProjectState

from tenants import creation
from tests.architecture.source_files import ROOT

FIRST = ("tenants/migrations/0001_initial.py", "platform/controlplane/ledger/migrations/0001_initial.py")
SLOW = re.compile(r"^ +migrations\.(CreateModel|AddConstraint|AddIndex)\(", re.MULTILINE)


def slow_operations(source: str) -> list[str]:
    return SLOW.findall(source)


@pytest.mark.parametrize("path", FIRST)
def test_a_new_database_is_made_without_rendering_every_model_for_each_constraint(path: str) -> None:
    found = slow_operations((ROOT / path).read_text())
    assert not found, (
        f"in {path} write creation.{found[0]} for migrations.{found[0]} (tenants/creation.py says why)"
    )


def test_what_makemigrations_writes_is_found() -> None:
    assert slow_operations("    operations = [\n        migrations.AddConstraint(\n")


def made(operations: Any, *, rendered: bool) -> ProjectState:
    state = ProjectState()
    if rendered:
        assert state.apps is not None
    check = models.CheckConstraint(condition=models.Q(size__gt=0), name="some_size")
    for operation in (
        operations.CreateModel("Thing", [("id", models.AutoField(primary_key=True)), ("size", models.IntegerField())]),
        operations.AddConstraint("thing", check),
        operations.AddIndex("thing", models.Index(fields=["size"], name="thing_size")),
    ):  # fmt: skip
        operation.state_forwards("ledger", state)
    return state


@pytest.mark.parametrize("rendered", [False, True])
def test_the_state_is_the_one_that_djangos_own_operations_make(rendered: bool) -> None:
    ours, djangos = made(creation, rendered=rendered), made(migrations, rendered=rendered)
    assert ours == djangos
    assert ours.apps.get_model("ledger", "thing")._meta.fields
