"""What audit rows never show; and that every text field of every model was thought about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.apps import apps
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from tenants.audit.difference import shown
from tenants.audit.fields import HIDDEN, PLAIN
from tenants.audit.redaction import MASK, NEW, clean, is_sensitive, redact


@pytest.mark.parametrize(
    ("fields", "kind", "shown"),
    [
        ({"slots": 3, "name": "small"}, "pool", {"slots": 3, "name": "small"}),
        ({"value": "hunter2", "description": "d"}, "variable", {"value": MASK, "description": "d"}),
        ({"password": "hunter2", "host": "db"}, "connection", {"password": MASK, "host": "db"}),
        ({"extra": {"a": 1}, "login": None}, "connection", {"extra": MASK, "login": None}),
        ({"conf": {"api_key": "k", "n": 1}}, "run", {"conf": {"api_key": MASK, "n": 1}}),
        ({"secret": {"deep": ["x", 1, None]}}, "thing", {"secret": {"deep": [MASK, 1, None]}}),
        ({"blob": b"\x00"}, "thing", {"blob": MASK}),
        ({"id": UUID(int=1), "at": datetime(2026, 1, 1, tzinfo=UTC)}, "thing",
         {"id": str(UUID(int=1)), "at": "2026-01-01T00:00:00+00:00"}),
    ],
)  # fmt: skip
def test_fields_go_by_name_and_by_declaration(fields: object, kind: str, shown: object) -> None:
    assert redact(fields, kind=kind) == shown


@pytest.mark.parametrize(
    "text",
    [
        "aero_api_" + "A" * 43,
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
        "ghp_" + "a" * 36,
        "AKIA" + "A" * 16,
        "hvs.".replace(".", "_") + "a" * 24,
    ],
)
def test_what_looks_like_a_credential_goes_wherever_it_stands(text: str) -> None:
    assert text not in json.dumps(redact({"note": f"before {text} after"}))


def test_a_password_in_an_address_goes_and_the_rest_stays() -> None:
    assert redact({"url": "https://ada:hunter2@git.example.com/x"}) == {
        "url": f"https://ada:{MASK}@git.example.com/x"
    }


@given(st.text())
def test_every_text_can_be_stored(text: str) -> None:
    assert "\x00" not in clean(text)
    clean(text).encode()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda held: st.lists(held) | st.dictionaries(st.text(), held), max_leaves=20))  # fmt: skip
def test_whatever_is_given_becomes_json(value: object) -> None:
    json.dumps(redact({"value": value}), allow_nan=False).encode()


def test_names_about_a_token_are_no_secrets() -> None:
    assert is_sensitive("git_token") and not is_sensitive("token_id")


TYPED = (models.UUIDField, models.IntegerField, models.DateTimeField, models.DateField, models.BooleanField,
         models.FloatField, models.DecimalField, models.ForeignKey, models.AutoField)  # fmt: skip
"""Kinds of fields that hold no text."""


def undeclared(found: Iterable[type[models.Model]]) -> list[str]:
    return [
        f"{model._meta.db_table}.{field.name}"
        for model in found
        for field in model._meta.concrete_fields
        if not isinstance(field, TYPED)
        and field.name not in PLAIN.get(model._meta.db_table, ())
        and field.name not in HIDDEN.get(model._meta.db_table, ())
    ]


def test_every_field_of_every_model_is_declared_plain_or_hidden() -> None:
    ours = [model for label in ("tenants", "ledger") for model in apps.get_app_config(label).get_models()]
    assert undeclared(ours) == [], (
        "declare them in tenants/audit/fields.py: PLAIN if readers of the audit may see them"
    )


def test_a_forgotten_field_would_be_named() -> None:
    class Forgotten(models.Model):
        name = models.CharField(max_length=9)

        class Meta:
            app_label = "architecture"
            db_table = "forgotten"

    assert undeclared([Forgotten]) == ["forgotten.name"]
    assert shown("forgotten", None, {"name": "x", "id": 1, "n": 2}) == (None, {"name": MASK, "n": 2})


def test_no_field_is_declared_both_ways_and_no_secret_is_plain() -> None:
    for table, fields in PLAIN.items():
        assert not fields & HIDDEN.get(table, frozenset()), table
        assert [name for name in fields if is_sensitive(name)] == []


def test_a_secret_that_changed_is_seen_to_have_changed_and_nothing_more() -> None:
    before = {"id": 1, "key": "k", "sealed": b"one", "description": "d"}
    old, new = shown("variable", before, before | {"sealed": b"two"})
    assert (old, new) == ({"sealed": MASK}, {"sealed": NEW})
