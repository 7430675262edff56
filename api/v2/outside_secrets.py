"""One connection or Variable that the ledger does not have: perhaps a store of the tenant's chain has it.

People see that it is there, from which store, and what of a connection is no secret. Values of Variables are masked
always: who keeps one in a secret store means it as one. Lists are of the ledger alone, and only the ledger is written.
Whoever's grants reach a part of the tenant is told nothing of stores outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponseBase

from api.json_answers import json_answer
from api.v2.operation import Call, Later
from api.v2.refusals import Refusal
from controlplane.secrets import chain
from controlplane.secrets.source import Kind
from tenants.part import current_part


def from_outside(
    call: Call, *, kind: Kind, name: str, absent: Refusal, shape: Callable[[Any, str], dict[str, Any]]
) -> Later:
    """An answer of `shape(value, store)`, made outside of the transaction. Raises `absent`; the answer raises it
    too, and SourceFailed."""
    if current_part() is not None:
        raise absent
    planned = chain.plan(chain.read(), kind=kind, name=name)
    if planned.is_local:
        raise absent

    def make() -> HttpResponseBase:
        found = planned.resolve(ledger=lambda: None)
        return absent.answer() if found is None else json_answer(shape(found.value, found.store))

    return Later(make)
