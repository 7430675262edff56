"""Which names are sensitive, and what is shown instead."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from controlplane.secrets.masking import MASK, NAMES, is_sensitive, redact, redact_text, secrets_in

WORDS = [
    "password", "DB_PASSWORD", "my-api-key", "api key", "apikey", "Authorization", "x.access_token.y", "tok",
    "token_count", "host", "key", "secretary", "pass", "passwd", " Secret ", "private key", "proxy", "dsn",
    "service-account", "webhook.url", "keyfile_dict", "login", "", "bearer",
]  # fmt: skip
VALUES: list[tuple[Any, str | None]] = [
    ({"a": 1, "password": "p", "nested": [{"token": "t", "n": 5}]}, None),
    ({"password": {"deep": ["x", 1, None, True], "more": {"y": "z"}}}, None),
    (["a", "b"], "api_key"),
    ("value", "secret"),
    ("value", "plain"),
    (17, "token"),
    (None, "token"),
]


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_found(name: str) -> None:
    assert is_sensitive(name)
    assert is_sensitive(f"  MY {name.replace('_', '-').upper()} 2 ")


@pytest.mark.parametrize("name", ["host", "key", "login", "tok", "pass", "", None])
def test_harmless_names(name: str | None) -> None:
    assert not is_sensitive(name)


def test_text_with_json_in_it() -> None:
    assert redact_text('{"password": "p", "a": "b"}') == '{"password": "***", "a": "b"}'
    assert redact_text("p", "db_password") == MASK
    assert redact_text("p", "db_host") == "p"
    assert redact_text("", "db_password") == ""
    assert redact_text(None, "db_password") is None


def test_secrets_for_logs() -> None:
    found = secrets_in({"password": "hunter22", "extra": '{"token": "abcdef", "a": "public", "secret": "x"}'})
    assert found == ["abcdef", "hunter22"]
    assert secrets_in({"password": None, "extra": None}) == []
    assert secrets_in({"password": "hunter22", "extra": "no json"}) == ["hunter22"]


ORACLE = """
import json, sys
from airflow._shared.secrets_masker.secrets_masker import SecretsMasker, DEFAULT_SENSITIVE_FIELDS
masker = SecretsMasker()
masker.sensitive_variables_fields = list(DEFAULT_SENSITIVE_FIELDS)
words, values = json.load(sys.stdin)
json.dump([[masker.should_hide_value_for_key(w) for w in words], [masker.redact(v, n) for v, n in values],
           sorted(DEFAULT_SENSITIVE_FIELDS)], sys.stdout)
"""


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
def test_as_airflow_does() -> None:
    told = subprocess.run(
        [os.environ["AERODROME_TEST_RUNTIME"], "-c", ORACLE],
        input=json.dumps([WORDS, VALUES]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    hidden, shown, names = json.loads(told.stdout.splitlines()[-1])
    assert [is_sensitive(word) for word in WORDS] == hidden
    assert [redact(value, name) for value, name in VALUES] == shown
    assert sorted(NAMES) == names
