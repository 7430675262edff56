"""Writes docs/reference/http-api.md from the URL tables: what is served, and who may ask.

Run `.venv/bin/python -m tests.architecture.http_page` with `platform`, `.` and `runtime` on PYTHONPATH after
a change of a URL table; test_docs.py fails until then. Needs no database.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from tests.architecture.source_files import ROOT

PAGE = ROOT / "docs" / "reference" / "http-api.md"
_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")
_STAGES = {"RUNNING": "running", "SETTLING": "running, or just over", "WHOLE": "queued, running, or just over",
           "ANY": "any"}  # fmt: skip

_HEAD = """\
# HTTP API

<!-- Made from the URL tables by `python -m tests.architecture.http_page`. Change it there. -->

Four doors answer on the web server's address. Agents have one of their own, the gateway.

| door | for | signs in by |
|---|---|---|
| `/t/<tenant>/…` | people and programs: Airflow's public API | an access token, see `auth/token`, or an API token |
| `/api/portal/v1/…` | people: sign up, tenants, tokens, runtimes, bundles | an access token, see `sign-in` |
| `/t/<tenant>/git/…`, `/git/<tenant>.git/…` | git | Git token, as password |
| `/execution/…` | the supervisor of a running task | the token of the attempt |

Below `/t/<tenant>/` and `/execution/` paths, parameters, bodies and answers are those of Airflow 3.3.2. What
is not listed is not served: it answers 404. A stranger gets the same 404 for a tenant that exists and one that does not.

## Public API, below `/t/<tenant>/`

Permissions belong to roles; the table is `tenants/permissions.py`.

| method | path | operation | permission |
|---|---|---|---|
"""
_PORTAL = """
## Portal API, below `/api/portal/v1/`

Its own OpenAPI document is at `schema`.

| path | what it does |
|---|---|
"""
_EXECUTION = """
## Task Execution API, below `/execution/`

Version `{version}`. "Attempt" says at which stage of its life an attempt may call; "own" that it may only name itself.

| method | path | operation | attempt | own |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page. Django must be set up."""
    from api.execution.versions import NEWEST

    public, portal, execution = [], [], []
    for path, view in _routes():
        if path.startswith("t/"):
            public += list(_public(path.removeprefix("t/{slug}/"), view))
        elif path.startswith("api/portal/v1/") and not path.endswith("/schema"):
            shown = path.removeprefix("api/portal/v1/")
            portal.append(f"| `{shown}` | {_summary(getattr(view, 'view_class', None) or view)} |")
        elif path.startswith("execution/"):
            for method, rule, endpoint in _execution(view):
                shown = path.removeprefix("execution/")
                own = "yes" if rule.own else ""
                stage = _STAGES[rule.stage.name]
                execution.append(f"| {method} | `{shown}` | {_named(endpoint)} | {stage} | {own} |")
    execution += [
        "| GET | `health` | health.health | no token | |",
        "| GET | `health/ping` | health.ping | no token | |",
    ]
    return "".join(
        [
            _HEAD,
            "\n".join(public),
            "\n",
            _PORTAL,
            "\n".join(portal),
            "\n",
            _EXECUTION.format(version=NEWEST),
            "\n".join(execution),
            "\n",
        ]
    )


def _routes() -> Iterator[tuple[str, Any]]:
    from django.urls import get_resolver

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, Any]]:
        for each in patterns:
            path = before + _readable(str(each.pattern))
            if hasattr(each, "url_patterns"):
                yield from walk(each.url_patterns, path)
            else:
                yield path, each.callback

    return walk(get_resolver().url_patterns, "")


def _readable(pattern: str) -> str:
    text = _CONVERTER.sub(r"{\1}", _GROUP.sub(r"{\1}", pattern))
    return text.removeprefix("^").removesuffix("$")


def _summary(view: Any) -> str:
    """The first sentence of the view, or of each of its methods."""
    methods = [name for name in ("get", "post", "put", "patch", "delete") if name in vars(view)]
    if not methods:
        return _first(view)
    return " ".join(f"{name.upper()}: {_first(vars(view)[name])}" for name in methods)


def _first(found: Any) -> str:
    return inspect.cleandoc(found.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _public(path: str, view: Any) -> Iterator[str]:
    for method, answer in sorted(getattr(view, "views", {}).items()):
        inner = getattr(answer, "func", answer)
        if inner is not answer:
            continue  # a spelling of another path
        permission = getattr(answer, "permission", None)
        yield f"| {method} | `{path}` | {inner.__name__} | {f'`{permission}`' if permission else ''} |"


def _execution(view: Any) -> Iterator[tuple[str, Any, Any]]:
    rules = getattr(view, "rules", {})
    endpoints = next(
        (cell.cell_contents for cell in view.__closure__ or () if _are_endpoints(cell.cell_contents)), {}
    )
    for method, rule in rules.items():
        yield method, rule, endpoints[method]


def _named(endpoint: Any) -> str:
    return f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}"


def _are_endpoints(found: Any) -> bool:
    return isinstance(found, dict) and bool(found) and all(callable(each) for each in found.values())


if __name__ == "__main__":
    from tests.support import session  # noqa: F401  gives Django its settings

    PAGE.write_text(page(), encoding="utf-8")
