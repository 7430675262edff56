"""GET, POST /variables; GET, PATCH, DELETE /variables/{variable_key}."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.v2.listing import page, patterns
from api.v2.operation import Call, Reply, operation
from api.v2.outside_secrets import from_outside
from api.v2.refusals import Refusal, not_found
from api.v2.team_names import NoTeam
from controlplane.ledger.models.variable import Variable
from controlplane.secrets import variables
from controlplane.secrets.masking import MASK, redact_text

# Values are sealed: ordering by them, or by a flag that is always true, means the order they were made in.
ORDERS = {
    "key": "key",
    "id": "id",
    "_val": "id",
    "description": "description",
    "is_encrypted": "id",
    "team_name": "id",
}


class VariableBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=250)
    value: JsonValue
    description: str | None = None
    team_name: NoTeam = None

    def text(self) -> str:
        """Stored as text; what is no text as JSON, as Airflow writes it."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value, indent=2)


@operation("variables.read")
def get_variables(call: Call) -> Any:
    """A page of variables, those with telling names masked."""
    rows = patterns(Variable.objects.all(), call.query, variable_key="key")
    found, total = page(rows, call.query, ORDERS, default="id")
    return {"variables": [_response(row) for row in found], "total_entries": total}


@operation("variables.read")
def get_variable(call: Call, variable_key: str) -> Any:
    """One variable; of one that only a secret store has, that it is there."""
    try:
        return _response(_read(variable_key))
    except Refusal as absent:
        return from_outside(
            call,
            kind="variable",
            name=variable_key,
            absent=absent,
            shape=lambda _, store: {
                "key": variable_key,
                "value": MASK,
                "description": f"In the secret store {store}",
                "is_encrypted": True,
                "team_name": None,
            },
        )


@operation("variables.edit", event="post_variable", records=("key", "description"))
def post_variable(call: Call) -> Any:
    """A new variable."""
    body = call.body(VariableBody)
    if Variable.objects.filter(key=body.key).exists():
        raise Refusal(409, f"The Variable with key: `{body.key}` already exists")
    try:
        variables.put(key=body.key, value=body.text(), description=body.description, now=call.now)
    except variables.VariableKeyInvalid as error:
        raise Refusal(400, str(error)) from error
    return Reply(201, _response(_read(body.key)))


@operation("variables.edit", event="patch_variable", records=("key", "description"))
def patch_variable(call: Call, variable_key: str) -> Any:
    """Change value and description, or what of them the mask names."""
    body = call.body(VariableBody)
    if body.key != variable_key:
        raise Refusal(400, "Invalid body, key from request body doesn't match uri parameter")
    row = _read(variable_key)
    write(call, row, body, set(call.query.texts("update_mask")))
    return _response(_read(variable_key))


@operation("variables.edit", event="delete_variable")
def delete_variable(call: Call, variable_key: str) -> Any:
    """Gone."""
    try:
        variables.delete(variable_key)
    except variables.VariableUnknown as error:
        raise not_found(f"The Variable with key: `{variable_key}` was not found") from error
    return Reply(204)


def write(call: Call, row: Variable, body: VariableBody, mask: set[str]) -> None:
    """Change what the body (or of it, the mask) names."""
    fields = body.model_fields_set & mask if mask else body.model_fields_set
    value = body.text() if "value" in fields else variables.value_of(row)
    description = body.description if "description" in fields else row.description
    variables.put(key=row.key, value=value, description=description, now=call.now)


def _read(key: str) -> Variable:
    row = Variable.objects.filter(key=key).first()
    if row is None:
        raise not_found(f"The Variable with key: `{key}` was not found")
    return row


def _response(row: Variable) -> dict[str, Any]:
    return {
        "key": row.key,
        "value": redact_text(variables.value_of(row), row.key),
        "description": row.description,
        "is_encrypted": True,
        "team_name": None,
    }
