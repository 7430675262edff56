"""The shim's one door: `install()`, called once in the base zygote before any tenant file is imported."""

from __future__ import annotations

import sys

from aerodrome_runtime.shim import after_import, moved_modules

_is_installed = False


def install() -> None:
    """Make Airflow 2-era files run as written, in this process and every fork of it.

    Imports nothing of Airflow: what is imported already is adapted now, the rest when it is imported. A
    second call does nothing.
    """
    global _is_installed
    if _is_installed:
        return
    _is_installed = True
    from aerodrome_runtime.shim import (
        context_values,
        dag_arguments,
        old_attributes,
        operator_arguments,
        provider_arguments,
        variables,
    )

    after_import.listen()
    sys.meta_path.append(moved_modules.MovedModules())
    moved_modules.watch_existing()
    after_import.when_imported("airflow.sdk.definitions.dag", dag_arguments.adapt)
    after_import.when_imported("airflow.sdk.bases.operator", operator_arguments.adapt_operator)
    after_import.when_imported("airflow.sdk.bases.decorator", operator_arguments.adapt_decorator)
    after_import.when_imported("airflow.sdk.definitions.context", context_values.adapt_keys)
    after_import.when_imported("airflow.sdk.execution_time.task_runner", context_values.adapt_task_instance)
    after_import.when_imported("airflow.models.variable", variables.adapt)
    provider_arguments.watch()
    old_attributes.watch()
