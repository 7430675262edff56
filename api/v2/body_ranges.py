"""Ranges that batch bodies give as four fields each."""

from __future__ import annotations

from pydantic import BaseModel

from api.v2.query import Range


def body_range(body: BaseModel, name: str) -> Range:
    """`name_gte`, `name_gt`, `name_lte`, `name_lt` of the body."""
    found = [(lookup, getattr(body, f"{name}_{lookup}")) for lookup in ("gte", "gt", "lte", "lt")]
    return Range(tuple((lookup, value) for lookup, value in found if value is not None))
