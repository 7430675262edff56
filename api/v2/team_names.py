"""Airflow's teams: our tenants take their place, so a body may not name one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def _refuse(value: str | None) -> str | None:
    if value is not None:
        raise ValueError(
            "team_name cannot be set when multi_team mode is disabled. Please contact your administrator."
        )
    return value


NoTeam = Annotated[str | None, Field(max_length=50), AfterValidator(_refuse)]
