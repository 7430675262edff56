"""Bodies of the two state stores: any JSON but null, no number that JSON does not know, not too large."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue

from api.v2.query import Zoned

MOST_BYTES = 65535
"""Airflow's `[state_store] max_value_storage_bytes`, by default."""
RETENTION_DAYS = 30
"""Airflow's `[state_store] default_retention_days`, by default."""
LONGEST_KEY = 512


def _storable(value: JsonValue) -> JsonValue:
    if value is None:
        raise ValueError("value cannot be null")
    try:
        size = len(json.dumps(value, allow_nan=False))
    except ValueError as error:
        raise ValueError(
            "value contains non-finite numbers; NaN and Inf are not JSON representable"
        ) from error
    if size > MOST_BYTES:
        raise ValueError(
            f"value exceeds max_value_storage_bytes ({MOST_BYTES}); "
            "raise [state_store] max_value_storage_bytes or set it to 0 to disable the limit"
        )
    return value


class ValueBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Annotated[JsonValue, AfterValidator(_storable)]


class ExpiringBody(ValueBody):
    """`default`: after `RETENTION_DAYS`; null: never."""

    expires_at: Zoned | Literal["default"] | None = "default"
