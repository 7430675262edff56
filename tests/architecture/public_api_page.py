"""Writes docs/reference/public-api.md: Airflow's operations, from its stored description, and what answers each here.

Run `.venv/bin/python -m tests.architecture.public_api_page` with `platform`, `.` and `runtime` on PYTHONPATH after
a change of the URL table; tests/api/test_v2_operations.py fails until then. Needs no database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from tests.architecture.source_files import ROOT

PAGE = ROOT / "docs" / "reference" / "public-api.md"
STORED = ROOT / "tests" / "fixtures" / "v2_operations.json"
MISSING: dict[str, str] = {}
"""Operation id -> why nothing answers it yet. It shrinks: what is answered must not be named here."""
SWITCHED_OFF = {
    "get_config": "403: `[api] expose_config` is off; the platform's settings are not the tenant's",
    "get_config_value": "403, as above",
    "get_external_log_url": "400: logs are kept here, there is no other site to link to",
}
"""Operation id -> what it answers on a managed platform: what Airflow answers where the thing is switched off."""
NOTES = {
    "get_jobs": "the platform's own loops, no hosts; which tasks run where is no job here",
    "create_default_connections": "204 and nothing is made: there are no default connections",
    "reparse_dag_file": "the newest bundle version is parsed again",
    "get_plugins": "none: plugins are loaded where tasks run",
    "get_providers": "the providers that the newest runtime asks for by name",
}
_HEAD = """\
# Public API

<!-- Made from Airflow's description and the URL table by `python -m tests.architecture.public_api_page`. -->

Airflow's public API v2 (Airflow 3.3.2) is served for each tenant below `/t/<tenant>/`. Parameters, bodies, status codes
and error bodies are Airflow's; `apache-airflow-client` and `airflowctl` work unmodified with
`https://<host>/t/<tenant>` as their address. Of {total} operations {answered} are answered, {missing} are missing.

Permissions are those of `tenants/permissions.py`.
"""


def described() -> list[dict[str, str]]:
    """Airflow's operations: method, path, id and tag."""
    read: list[dict[str, str]] = json.loads(STORED.read_text(encoding="utf-8"))
    return read


def served() -> dict[tuple[str, str], Any]:
    """(method, path with {} for its parts) -> the view, of everything below `/t/<tenant>/`."""
    from api.v2.urls import urlpatterns

    found = {}
    for each in urlpatterns:
        path = "/" + re.sub(r"<[^>]*>", "{}", str(each.pattern))
        for method, view in getattr(each.callback, "views", {}).items():
            if not hasattr(view, "func"):  # a partial is the spelling of another path
                found[method, path] = view
    return found


def answer_of(told: dict[str, str], found: dict[tuple[str, str], Any]) -> Any:
    """The view that answers an operation of Airflow's; None when none does."""
    return found.get((told["method"], re.sub(r"{[^}]*}", "{}", told["path"])))


def page() -> str:
    """The whole page. Django must be set up."""
    found, told = served(), described()
    missing = [each for each in told if answer_of(each, found) is None]
    lines = [_HEAD.format(total=len(told), answered=len(told) - len(missing), missing=len(missing))]
    for tag, group in groupby(sorted(told, key=lambda each: each["tag"]), key=lambda each: each["tag"]):
        lines += [
            f"\n## {tag}\n\n| method | path | operation | permission | answered |\n|---|---|---|---|---|\n"
        ]
        lines += [_row(each, answer_of(each, found)) for each in group]
    return "".join(lines)


def _row(told: dict[str, str], view: Any) -> str:
    permission = getattr(view, "permission", None)
    path = told["path"].removeprefix("/api/v2/")
    return (
        f"| {told['method']} | `{path}` | {told['id']} | {f'`{permission}`' if permission else ''} "
        f"| {'; '.join(_said(told['id'], view))} |\n"
    )


def _said(name: str, view: Any) -> Iterator[str]:
    if view is None:
        yield f"**no**: {MISSING.get(name, '?')}"
    elif name in SWITCHED_OFF:
        yield SWITCHED_OFF[name]
    else:
        yield "yes"
        if name in NOTES:
            yield NOTES[name]


if __name__ == "__main__":
    from tests.support import session  # noqa: F401  gives Django its settings

    PAGE.write_text(page(), encoding="utf-8")
