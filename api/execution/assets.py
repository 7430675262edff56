"""`/assets/…`, `/asset-events/…` and `/task-instances/{id}/validate-inlets-and-outlets`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from api.execution.answers import answer, not_found, reasoned
from api.execution.bodies import flag, instants, number, required
from api.execution.gate import Call, Rule, allow
from controlplane.execution import asset_lookups
from controlplane.execution.asset_lookups import AssetUnknown, asset_response
from controlplane.execution.attempts import Stage

ASK = Rule(stage=Stage.SETTLING)


@allow(ASK)
def by_name(call: Call) -> HttpResponse:
    """GET by-name: the active asset of that name."""
    return _one(name=required(call.request, "name"))


@allow(ASK)
def by_uri(call: Call) -> HttpResponse:
    """GET by-uri: the active asset of that URI."""
    return _one(uri=required(call.request, "uri"))


@allow(ASK)
def by_alias(call: Call) -> HttpResponse:
    """GET by-alias: all that the alias was resolved to."""
    found = asset_lookups.assets_of_alias(required(call.request, "alias_name"))
    return answer([asset_response(row) for row in found])


@allow(ASK)
def events_by_asset(call: Call) -> HttpResponse:
    """GET asset-events/by-asset: `name` and `uri` are both asked for, and one of them may be empty."""
    query = call.request.GET
    name, uri = query.get("name"), query.get("uri")
    if not (name or uri):
        raise reasoned(400, "Missing parameter", "name and uri cannot both be None")
    return _events(call, name=name or None, uri=uri or None)


@allow(ASK)
def events_by_alias(call: Call) -> HttpResponse:
    """GET asset-events/by-asset-alias."""
    return _events(call, alias=required(call.request, "name"))


@allow(Rule(stage=Stage.RUNNING, own=True))
def validate(call: Call) -> HttpResponse:
    """GET validate-inlets-and-outlets: those that are not active; the task fails of them before it begins."""
    return answer({"inactive_assets": asset_lookups.inactive_assets(call.attempt.id)})


def _one(**which: str) -> HttpResponse:
    try:
        return answer(asset_response(asset_lookups.find_asset(**which)))
    except AssetUnknown as error:
        raise not_found(str(error)) from None


def _events(call: Call, **which: Any) -> HttpResponse:
    after, before = instants(call.request, "after"), instants(call.request, "before")
    found = asset_lookups.asset_events(
        **which,
        after=after[-1] if after else None,
        before=before[-1] if before else None,
        ascending=flag(call.request, "ascending") if "ascending" in call.request.GET else True,
        limit=number(call.request, "limit"),
    )
    return answer({"asset_events": found})
