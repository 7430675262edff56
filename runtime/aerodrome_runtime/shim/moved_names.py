"""Where Airflow 2's names live today: old module -> {name: "module:name"}. Only what Airflow 3 does not find.

The long lists stand in files of their own (`moved_table` has their format). `*` stands for every name, a
target that begins with `!` for a name that cannot work, with the reason. A target in `aerodrome_runtime` is our
own small stand-in for something that has no successor. Providers that are not installed show when the name is
looked up, as an ordinary missing module.
"""

from __future__ import annotations

from aerodrome_runtime.shim.moved_contrib import CONTRIB
from aerodrome_runtime.shim.moved_contrib_operators import CONTRIB_OPERATORS
from aerodrome_runtime.shim.moved_core import CORE
from aerodrome_runtime.shim.moved_providers import PROVIDERS
from aerodrome_runtime.shim.moved_refused import REFUSED

_STANDARD = "airflow.providers.standard"
_SQL = "airflow.providers.common.sql.operators.sql"
_OURS = "aerodrome_runtime.shim.stand_ins"
_PYTHON = dict.fromkeys(
    ("PythonOperator", "BranchPythonOperator", "ShortCircuitOperator", "PythonVirtualenvOperator"),
    f"{_STANDARD}.operators.python:*",
)
_SQL_CHECKS = dict.fromkeys(
    (
        "SQLCheckOperator",
        "SQLValueCheckOperator",
        "SQLIntervalCheckOperator",
        "SQLThresholdCheckOperator",
        "BranchSQLOperator",
        "BaseSQLOperator",
    ),
    f"{_SQL}:*",
)
_SMTP = "airflow.providers.smtp.operators.smtp"
_CONTEXTS = "airflow.sdk.definitions._internal.contextmanager"
_SUBDAG = {"SubDagOperator": f"{_OURS}:no_subdags"}
_DATASETS = {
    "Dataset": "airflow.sdk:Asset",
    "DatasetAlias": "airflow.sdk:AssetAlias",
    "DatasetAll": "airflow.sdk:AssetAll",
    "DatasetAny": "airflow.sdk:AssetAny",
}

MOVED: dict[str, dict[str, str]] = {
    "airflow.operators": {
        "BashOperator": f"{_STANDARD}.operators.bash:BashOperator",
        "DummyOperator": f"{_STANDARD}.operators.empty:EmptyOperator",
        **_PYTHON,
    },
    "airflow.operators.python": {"task": "airflow.sdk:task"},
    "airflow.operators.python_operator": {**_PYTHON, "get_current_context": "airflow.sdk:*"},
    "airflow.operators.bash_operator": {"BashOperator": f"{_STANDARD}.operators.bash:BashOperator"},
    "airflow.operators.dummy": {
        "DummyOperator": f"{_STANDARD}.operators.empty:EmptyOperator",
        "EmptyOperator": f"{_STANDARD}.operators.empty:EmptyOperator",
    },
    "airflow.operators.dummy_operator": {"DummyOperator": f"{_STANDARD}.operators.empty:EmptyOperator"},
    "airflow.operators.email_operator": {"EmailOperator": f"{_SMTP}:*"},
    "airflow.operators.trigger_dagrun": {"TriggerDagRunLink": f"{_STANDARD}.operators.trigger_dagrun:*"},
    "airflow.operators.dagrun_operator": {"TriggerDagRunOperator": f"{_STANDARD}.operators.trigger_dagrun:*"},
    "airflow.operators.latest_only_operator": {"LatestOnlyOperator": f"{_STANDARD}.operators.latest_only:*"},
    "airflow.operators.branch_operator": {"BaseBranchOperator": "airflow.sdk.bases.branch:*"},
    "airflow.operators.subdag": _SUBDAG,
    "airflow.operators.subdag_operator": _SUBDAG,
    "airflow.operators.sql": _SQL_CHECKS,
    "airflow.operators.check_operator": {
        "CheckOperator": f"{_SQL}:SQLCheckOperator",
        "ValueCheckOperator": f"{_SQL}:SQLValueCheckOperator",
        "IntervalCheckOperator": f"{_SQL}:SQLIntervalCheckOperator",
    },
    "airflow.operators.postgres_operator": {
        "PostgresOperator": "airflow.providers.postgres.operators.postgres:PostgresOperator"
    },
    "airflow.operators.mysql_operator": {
        "MySqlOperator": "airflow.providers.mysql.operators.mysql:MySqlOperator"
    },
    "airflow.operators.sqlite_operator": {
        "SqliteOperator": "airflow.providers.sqlite.operators.sqlite:SqliteOperator"
    },
    "airflow.operators.http_operator": {
        "SimpleHttpOperator": "airflow.providers.http.operators.http:HttpOperator"
    },
    "airflow.operators.slack_operator": {
        "SlackAPIPostOperator": "airflow.providers.slack.operators.slack:SlackAPIPostOperator"
    },
    "airflow.sensors.base_sensor_operator": {"BaseSensorOperator": "airflow.sdk:BaseSensorOperator"},
    "airflow.sensors.external_task_sensor": {
        "ExternalTaskSensor": f"{_STANDARD}.sensors.external_task:*",
        "ExternalTaskMarker": f"{_STANDARD}.sensors.external_task:*",
    },
    "airflow.sensors.time_delta_sensor": {"TimeDeltaSensor": f"{_STANDARD}.sensors.time_delta:*"},
    "airflow.sensors.date_time_sensor": {"DateTimeSensor": f"{_STANDARD}.sensors.date_time:*"},
    "airflow.sensors.sql": {"SqlSensor": "airflow.providers.common.sql.sensors.sql:SqlSensor"},
    "airflow.sensors.sql_sensor": {"SqlSensor": "airflow.providers.common.sql.sensors.sql:SqlSensor"},
    "airflow.sensors.http_sensor": {"HttpSensor": "airflow.providers.http.sensors.http:HttpSensor"},
    "airflow.sensors.s3_key_sensor": {"S3KeySensor": "airflow.providers.amazon.aws.sensors.s3:S3KeySensor"},
    "airflow.hooks.base_hook": {"BaseHook": "airflow.sdk:BaseHook"},
    "airflow.hooks.dbapi": {"DbApiHook": "airflow.providers.common.sql.hooks.sql:DbApiHook"},
    "airflow.hooks.dbapi_hook": {"DbApiHook": "airflow.providers.common.sql.hooks.sql:DbApiHook"},
    "airflow.hooks.postgres_hook": {"PostgresHook": "airflow.providers.postgres.hooks.postgres:PostgresHook"},
    "airflow.hooks.mysql_hook": {"MySqlHook": "airflow.providers.mysql.hooks.mysql:MySqlHook"},
    "airflow.hooks.http_hook": {"HttpHook": "airflow.providers.http.hooks.http:HttpHook"},
    "airflow.hooks.S3_hook": {"S3Hook": "airflow.providers.amazon.aws.hooks.s3:S3Hook"},
    "airflow.models": {
        "XComArg": "airflow.sdk:XComArg",
        "DagContext": f"{_CONTEXTS}:*",
        "BaseSensorOperator": "airflow.sdk:BaseSensorOperator",
    },
    "airflow.models.dag": {"DagContext": f"{_CONTEXTS}:*"},
    "airflow.models.baseoperator": {"BaseOperatorLink": "airflow.sdk:BaseOperatorLink"},
    "airflow.models.operator": {"Operator": "airflow.sdk.bases.operator:BaseOperator"},
    "airflow.models.mappedoperator": {"MappedOperator": "airflow.sdk.definitions.mappedoperator:*"},
    "airflow.models.taskmixin": {"TaskMixin": "airflow.sdk.definitions._internal.mixins:DependencyMixin"},
    "airflow.datasets": _DATASETS,
    "airflow.datasets.metadata": {"Metadata": "airflow.sdk:Metadata"},
    "airflow.timetables.datasets": {"DatasetOrTimeSchedule": f"{_OURS}:DatasetOrTimeSchedule"},
    "airflow.utils.dates": {
        "days_ago": f"{_OURS}:days_ago",
        "date_range": f"{_OURS}:date_range",
        "round_time": f"{_OURS}:round_time",
        "parse_execution_date": f"{_OURS}:parse_execution_date",
        "infer_time_unit": f"{_OURS}:infer_time_unit",
    },
    "airflow.utils.helpers": {
        "chain": "airflow.sdk:chain",
        "cross_downstream": "airflow.sdk:cross_downstream",
    },
    "airflow.utils.decorators": {"apply_defaults": f"{_OURS}:apply_defaults"},
    "airflow.utils.db": {"create_session": "airflow.utils.session:create_session"},
    "airflow.utils.file": {"TemporaryDirectory": "tempfile:TemporaryDirectory"},
    "airflow.utils.operator_helpers": {
        "context_to_airflow_vars": "airflow.sdk.execution_time.context:context_to_airflow_vars",
        "determine_kwargs": "airflow.sdk.bases.decorator:determine_kwargs",
    },
    "airflow.utils.timezone": {"make_aware": "airflow._shared.timezones.timezone:make_aware"},
    "airflow.lineage.entities": {"*": "airflow.providers.common.compat.lineage.entities"},
    "airflow.io.store": {"attach": "airflow.sdk.io:attach"},
    "airflow.utils.module_loading": {"*": "airflow.sdk.module_loading"},
    "airflow.utils.dag_parsing_context": {"get_parsing_context": "airflow.sdk:get_parsing_context"},
    "airflow.decorators.python": {"python_task": f"{_STANDARD}.decorators.python:python_task"},
    "airflow.kubernetes.secret": {"Secret": "airflow.providers.cncf.kubernetes.secret:Secret"},
    "airflow.contrib.operators.kubernetes_pod_operator": {
        "KubernetesPodOperator": "airflow.providers.cncf.kubernetes.operators.pod:KubernetesPodOperator"
    },
    "airflow.contrib.operators.ssh_operator": {
        "SSHOperator": "airflow.providers.ssh.operators.ssh:SSHOperator"
    },
    "airflow.contrib.operators.spark_submit_operator": {
        "SparkSubmitOperator": "airflow.providers.apache.spark.operators.spark_submit:SparkSubmitOperator"
    },
    "airflow.contrib.operators.slack_webhook_operator": {
        "SlackWebhookOperator": "airflow.providers.slack.operators.slack_webhook:SlackWebhookOperator"
    },
    "airflow.contrib.operators.bigquery_operator": {
        "BigQueryOperator": "airflow.providers.google.cloud.operators.bigquery:BigQueryInsertJobOperator"
    },
    "airflow.contrib.sensors.file_sensor": {"FileSensor": f"{_STANDARD}.sensors.filesystem:FileSensor"},
    "airflow.contrib.sensors.python_sensor": {"PythonSensor": f"{_STANDARD}.sensors.python:PythonSensor"},
    "airflow.contrib.sensors.bash_sensor": {"BashSensor": f"{_STANDARD}.sensors.bash:BashSensor"},
    "airflow.contrib.hooks.fs_hook": {"FSHook": f"{_STANDARD}.hooks.filesystem:FSHook"},
    "airflow.contrib.hooks.ssh_hook": {"SSHHook": "airflow.providers.ssh.hooks.ssh:SSHHook"},
    "airflow.contrib.hooks.aws_hook": {"AwsHook": "airflow.providers.amazon.aws.hooks.base_aws:AwsBaseHook"},
    "airflow.contrib.hooks.bigquery_hook": {
        "BigQueryHook": "airflow.providers.google.cloud.hooks.bigquery:BigQueryHook"
    },
    "airflow.providers.http.operators.http": {
        "SimpleHttpOperator": "airflow.providers.http.operators.http:HttpOperator"
    },
    "airflow.providers.cncf.kubernetes.operators.kubernetes_pod": {
        "*": "airflow.providers.cncf.kubernetes.operators.pod"
    },
    "airflow.providers.amazon.aws.operators.sagemaker": {
        "SageMakerCreateModelOperator": "airflow.providers.amazon.aws.operators.sagemaker:SageMakerModelOperator"
    },
    "airflow.providers.postgres.operators.postgres": {"PostgresOperator": f"{_OURS}_sql:PostgresOperator"},
    "airflow.providers.mysql.operators.mysql": {"MySqlOperator": f"{_OURS}_sql:MySqlOperator"},
    "airflow.providers.sqlite.operators.sqlite": {"SqliteOperator": f"{_OURS}_sql:SqliteOperator"},
    "airflow.providers.microsoft.mssql.operators.mssql": {"MsSqlOperator": f"{_OURS}_sql:MsSqlOperator"},
    "airflow.providers.snowflake.operators.snowflake": {
        "SnowflakeOperator": f"{_OURS}_sql:SnowflakeOperator"
    },
    "airflow.providers.jdbc.operators.jdbc": {"JdbcOperator": f"{_OURS}_sql:JdbcOperator"},
    "airflow.providers.oracle.operators.oracle": {"OracleOperator": f"{_OURS}_sql:OracleOperator"},
    "airflow.providers.trino.operators.trino": {"TrinoOperator": f"{_OURS}_sql:TrinoOperator"},
    "airflow.providers.vertica.operators.vertica": {"VerticaOperator": f"{_OURS}_sql:VerticaOperator"},
}

for _more in (CORE, PROVIDERS, CONTRIB, CONTRIB_OPERATORS, REFUSED):
    for _module, _names in _more.items():
        MOVED.setdefault(_module, {}).update(_names)
