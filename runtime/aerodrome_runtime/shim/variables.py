"""`airflow.models.Variable` in a task: a missing variable is a `KeyError` again, as Airflow 2's recipes expect."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from aerodrome_runtime.shim import uses


def adapt(module: ModuleType) -> None:
    """Wrap `Variable.get`. What it raises is still the SDK's error too, so both ways to catch it work."""
    variable: Any = module.Variable  # type: ignore[attr-defined]
    original = variable.get.__func__

    def get(cls: Any, key: str, *args: Any, **kwargs: Any) -> Any:
        from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

        uses.record(
            code="variable",
            message="airflow.models.Variable is Airflow 2's place for it",
            hint="from airflow.sdk import Variable",
        )
        try:
            return original(cls, key, *args, **kwargs)
        except AirflowRuntimeError as error:
            if error.error.error is not ErrorType.VARIABLE_NOT_FOUND:
                raise
            raise _missing(AirflowRuntimeError)(error.error) from None

    variable.get = classmethod(get)


def _missing(base: type[Exception]) -> type[Exception]:
    return type("VariableMissing", (base, KeyError), {"__str__": base.__str__})
