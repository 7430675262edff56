"""Names of Airflow's own packages that moved into the Task SDK or the standard provider, were renamed or removed.

Only what Airflow 3 does not find by itself. The format: `moved_table`.
"""

from __future__ import annotations

from aerodrome_runtime.shim.moved_table import read_table

CORE = read_table(
    """
configuration | as_dict=conf.as_dict get=conf.get getboolean=conf.getboolean getfloat=conf.getfloat | configuration
configuration | getint=conf.getint getsection=conf.getsection has_option=conf.has_option | configuration
configuration | remove_option=conf.remove_option set=conf.set | configuration
datasets | DatasetAliasEvent=AssetAliasEvent BaseDataset=BaseAsset | sdk.definitions.asset
datasets | DatasetEvent=AssetEventResponse | sdk.api.datamodels._generated
decorators | TaskDecoratorCollection | sdk.definitions.decorators
decorators.base | ExpandableFactory OperatorSubclass FParams FReturn Task | sdk.bases.decorator
decorators.bash | bash_task | @standard.decorators.bash
decorators.branch_external_python | branch_external_python_task | @standard.decorators.branch_external_python
decorators.branch_python | branch_task | @standard.decorators.branch_python
decorators.branch_virtualenv | branch_virtualenv_task | @standard.decorators.branch_virtualenv
decorators.condition | run_if skip_if | sdk.definitions.decorators.condition
decorators.external_python | external_python_task | @standard.decorators.external_python
decorators.python_virtualenv | virtualenv_task | @standard.decorators.python_virtualenv
decorators.sensor | DecoratedSensorOperator sensor_task | @standard.decorators.sensor
decorators.setup_teardown | setup_task teardown_task ContextWrapper context_wrapper | sdk.definitions.decorators.setup_teardown
decorators.short_circuit | short_circuit_task | @standard.decorators.short_circuit
decorators.task_group | task_group | sdk
exceptions | XComForMappingNotPushed UnmappableXComTypePushed | sdk.exceptions
exceptions | RemovedInAirflow3Warning=RemovedInAirflow4Warning | exceptions
exceptions | FailStopDagInvalidTriggerRule=FailFastDagInvalidTriggerRule | sdk.exceptions
hooks.subprocess | SubprocessResult working_directory | @standard.hooks.subprocess
lineage | AUTO apply_lineage prepare_lineage | =aerodrome_runtime.shim.stand_ins_more
lineage.hook | DatasetLineageInfo=AssetLineageInfo | sdk.lineage
listeners.spec.dataset | on_dataset_created=on_asset_created on_dataset_changed=on_asset_changed | listeners.spec.asset
listeners.spec.taskinstance | on_task_instance_running on_task_instance_success | sdk._shared.listeners.spec.taskinstance
listeners.spec.taskinstance | on_task_instance_failed | sdk._shared.listeners.spec.taskinstance
listeners.spec.lifecycle | on_starting before_stopping | sdk._shared.listeners.spec.lifecycle
metrics.validators | AllowListValidator=PatternAllowListValidator | _shared.observability.metrics.validators
metrics.validators | BlockListValidator=PatternBlockListValidator | _shared.observability.metrics.validators
metrics.validators | PatternAllowListValidator PatternBlockListValidator | _shared.observability.metrics.validators
models.abstractoperator | DEFAULT_POOL_SLOTS DEFAULT_PRIORITY_WEIGHT DEFAULT_RETRIES | sdk.definitions._internal.abstractoperator
models.abstractoperator | DEFAULT_RETRY_DELAY MAX_RETRY_DELAY | sdk.definitions._internal.abstractoperator
models.abstractoperator | DEFAULT_WEIGHT_RULE DEFAULT_TRIGGER_RULE | sdk.definitions._internal.abstractoperator
models.abstractoperator | NotMapped | exceptions
models.baseoperator | parse_retries coerce_timedelta coerce_resources get_merged_defaults | sdk.bases.operator
models.baseoperator | ExecutorSafeguard BaseOperatorMeta BASEOPERATOR_ARGS_EXPECTED_TYPES partial | sdk.bases.operator
models.baseoperator | ScheduleInterval | sdk.definitions.dag
models.dag | DagStateChangeCallback ScheduleInterval ScheduleArg | sdk.definitions.dag
models.dag | ScheduleIntervalArg=ScheduleArg | sdk.definitions.dag
models.dagparam | DagParam | sdk.definitions.param
models.expandinput | ExpandInput OperatorExpandArgument OperatorExpandKwargsArgument | sdk.definitions._internal.expandinput
models.expandinput | DictOfListsExpandInput ListOfDictsExpandInput is_mappable | sdk.definitions._internal.expandinput
models.mappedoperator | OperatorPartial validate_mapping_kwargs | sdk.definitions.mappedoperator
models.param | DagParam process_params | sdk.definitions.param
models.skipmixin | XCOM_SKIPMIXIN_KEY XCOM_SKIPMIXIN_SKIPPED XCOM_SKIPMIXIN_FOLLOWED | @standard.utils.skipmixin
models.taskinstance | set_current_context | sdk.execution_time.context
models.xcom | resolve_xcom_backend | sdk.execution_time.xcom
models.xcom_arg | PlainXComArg MapXComArg ZipXComArg ConcatXComArg | sdk.definitions.xcom_arg
operators.dagrun_operator | TriggerDagRunLink | @standard.operators.trigger_dagrun
operators.datetime | target_times_as_dates | @standard.operators.datetime
operators.dummy_operator | EmptyOperator | @standard.operators.empty
operators.postgres_operator | Mapping | =collections.abc
operators.trigger_dagrun | XCOM_LOGICAL_DATE_ISO XCOM_RUN_ID | @standard.operators.trigger_dagrun
secrets.local_filesystem | load_connections=load_connections_dict | secrets.local_filesystem
security.permissions | RESOURCE_DATASET=RESOURCE_ASSET | security.permissions
sensors.external_task | ExternalTaskSensorLink=ExternalDagLink | @standard.sensors.external_task
sensors.external_task_sensor | ExternalTaskSensorLink=ExternalDagLink | @standard.sensors.external_task
sensors.time_delta | WaitSensor | @standard.sensors.time_delta
template.templater | LiteralValue Templater | sdk.definitions._internal.templater
timetables.simple | DatasetTriggeredTimetable=AssetTriggeredTimetable | timetables.simple
utils.context | OutletEventAccessor InletEventsAccessors | sdk.execution_time.context
utils.context | context_update_for_unmapped context_get_outlet_events | sdk.execution_time.context
utils.dag_cycle_tester | test_cycle=check_cycle | utils.dag_cycle_tester
utils.dag_parsing_context | AirflowParsingContext | sdk.definitions.context
utils.dates | scale_time_units | =aerodrome_runtime.shim.stand_ins_more
utils.edgemodifier | EdgeModifier | sdk.definitions.edges
utils.file | mkdirs | =aerodrome_runtime.shim.stand_ins_more
utils.helpers | as_tuple reduce_in_chunks | =aerodrome_runtime.shim.stand_ins_more
utils.helpers | validate_instance_args | sdk.definitions._internal.types
utils.helpers | validate_group_key | sdk.definitions._internal.node
utils.log.secrets_masker | mask_secret | sdk.log
utils.log.secrets_masker | redact should_hide_value_for_key SecretsMasker RedactedIO | sdk._shared.secrets_masker
utils.log.secrets_masker | DEFAULT_SENSITIVE_FIELDS | sdk._shared.secrets_masker
utils.log | secrets_masker=_shared.secrets_masker | sdk
utils.mixins | ResolveMixin | sdk.definitions._internal.mixins
utils.operator_helpers | DEFAULT_FORMAT_PREFIX ENV_VAR_FORMAT_PREFIX | sdk.execution_time.context
utils.operator_helpers | AIRFLOW_VAR_NAME_FORMAT_MAPPING | sdk.execution_time.context
utils.python_virtualenv | prepare_virtualenv write_python_script | @standard.utils.python_virtualenv
utils.python_virtualenv | remove_task_decorator | sdk.definitions._internal.decorators
utils.singleton | Singleton | =aerodrome_runtime.shim.stand_ins_more
utils.state | SHUTDOWN terminating_states | =aerodrome_runtime.shim.stand_ins_more
utils.task_group | MappedTaskGroup | sdk.definitions.taskgroup
utils.task_group | TaskGroupContext | sdk.definitions._internal.contextmanager
utils.template | literal | sdk.definitions.template
utils.timeout | TimeoutPosix | sdk.execution_time.timeout
utils.timezone | is_localized is_naive td_format parse_timezone local_timezone | sdk._shared.timezones.timezone
utils.weekday | WeekDay | @standard.utils.weekday
utils.xcom | MAX_XCOM_SIZE | =aerodrome_runtime.shim.stand_ins_more
www.utils | should_hide_value_for_key | sdk._shared.secrets_masker
providers.amazon.aws.datasets.s3 | create_dataset=create_asset sanitize_uri | @amazon.aws.assets.s3
providers.amazon.aws.datasets.s3 | convert_dataset_to_openlineage=convert_asset_to_openlineage | @amazon.aws.assets.s3
providers.common.io.datasets.file | create_dataset=create_asset sanitize_uri | @common.io.assets.file
providers.common.io.datasets.file | convert_dataset_to_openlineage=convert_asset_to_openlineage | @common.io.assets.file
providers.google.datasets.bigquery | create_dataset=create_asset | @google.assets.bigquery
providers.google.datasets.gcs | create_dataset=create_asset sanitize_uri | @google.assets.gcs
providers.google.datasets.gcs | convert_dataset_to_openlineage=convert_asset_to_openlineage | @google.assets.gcs
providers.mysql.datasets.mysql | sanitize_uri | @mysql.assets.mysql
providers.openlineage.utils.utils | DatasetInfo=AssetInfo | @openlineage.utils.utils
providers.openlineage.utils.utils | translate_airflow_dataset=translate_airflow_asset | @openlineage.utils.utils
providers.postgres.datasets.postgres | sanitize_uri | @postgres.assets.postgres
providers.trino.datasets.trino | sanitize_uri | @trino.assets.trino
"""
)

for _version in (36, 37, 38, 39, 310, 311, 312):
    CORE.setdefault("airflow", {})[f"PY{_version}"] = f"aerodrome_runtime.shim.stand_ins_more:PY{_version}"
