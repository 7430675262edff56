"""Old names that cannot work on a managed platform, each with the reason that its import error gives.

The format: `moved_table`; `*` stands for every name of the module.
"""

from __future__ import annotations

from aerodrome_runtime.shim.moved_table import read_table

_DATABASE = "! a DAG file has no database here: ask the REST API, or use airflow.sdk inside a task"
_PORTAL = "! the portal and its sign-in are the platform's: a DAG file cannot add to them"
_EXECUTOR = "! the platform runs the tasks itself: there is no executor to import or choose"

REFUSED = read_table(
    f"""
api.auth.backend.basic_auth | * | {_PORTAL}
api.auth.backend.kerberos_auth | * | {_PORTAL}
api_connexion.security | * | {_PORTAL}
auth.managers.base_auth_manager | * | {_PORTAL}
auth.managers.models.resource_details | * | {_PORTAL}
auth.managers.fab.api.auth.backend.basic_auth | * | {_PORTAL}
auth.managers.fab.api.auth.backend.kerberos_auth | * | {_PORTAL}
auth.managers.fab.fab_auth_manager | * | {_PORTAL}
auth.managers.fab.security_manager.override | * | {_PORTAL}
config_templates.default_celery | * | {_EXECUTOR}
datasets | expand_alias_to_datasets | {_DATABASE}
datasets.manager | * | {_DATABASE}
executors.celery_executor | * | {_EXECUTOR}
executors.celery_kubernetes_executor | * | {_EXECUTOR}
executors.dask_executor | * | {_EXECUTOR}
executors.kubernetes_executor_types | * | {_EXECUTOR}
models.dagpickle | * | {_DATABASE}
models.dataset | * | {_DATABASE}
models.slamiss | * | {_DATABASE}
models.taskfail | * | {_DATABASE}
triggers.external_task | TaskStateTrigger | ! it was removed: use WorkflowTrigger of the standard provider
utils.airflow_flask_app | * | {_PORTAL}
utils.task_instance_session | * | {_DATABASE}
www.auth | * | {_PORTAL}
www.security | * | {_PORTAL}
www.utils | get_sensitive_variables_fields | {_PORTAL}
"""
)
