"""`field__iwildcard="%a_b%"`: SQL's ILIKE with its wildcards left alone, as Airflow's patterns mean them."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, Lookup, TextField


class IWildcard(Lookup):  # type: ignore[type-arg]
    """ILIKE. Registered for text fields when the application starts (`api.apps`)."""

    lookup_name = "iwildcard"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} ILIKE {right}", [*left_params, *right_params]


def register() -> None:
    """Once per process."""
    CharField.register_lookup(IWildcard)
    TextField.register_lookup(IWildcard)
