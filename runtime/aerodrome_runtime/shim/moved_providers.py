"""Names of Airflow's core that went into a provider package: where each lives today.

Only what Airflow 3 does not find by itself. The format: `moved_table`.
"""

from __future__ import annotations

from aerodrome_runtime.shim.moved_table import read_table

PROVIDERS = read_table(
    """
hooks.S3_hook | provide_bucket_name | @amazon.aws.hooks.s3
hooks.dbapi | ConnectorProtocol | @common.sql.hooks.sql
hooks.docker_hook | DockerHook | @docker.hooks.docker
hooks.druid_hook | DruidDbApiHook DruidHook | @apache.druid.hooks.druid
hooks.hive_hooks | HIVE_QUEUE_PRIORITIES HiveCliHook HiveMetastoreHook HiveServer2Hook | @apache.hive.hooks.hive
hooks.jdbc_hook | JdbcHook jaydebeapi | @jdbc.hooks.jdbc
hooks.mssql_hook | MsSqlHook | @microsoft.mssql.hooks.mssql
hooks.oracle_hook | OracleHook | @oracle.hooks.oracle
hooks.pig_hook | PigCliHook | @apache.pig.hooks.pig
hooks.presto_hook | PrestoHook | @presto.hooks.presto
hooks.samba_hook | SambaHook | @samba.hooks.samba
hooks.slack_hook | SlackHook | @slack.hooks.slack
hooks.sqlite_hook | SqliteHook | @sqlite.hooks.sqlite
hooks.webhdfs_hook | WebHDFSHook | @apache.hdfs.hooks.webhdfs
hooks.zendesk_hook | ZendeskHook | @zendesk.hooks.zendesk
kubernetes.k8s_model | K8SModel append_to_pod | @cncf.kubernetes.k8s_model
kubernetes.kube_client | _disable_verify_ssl _enable_tcp_keepalive get_kube_client | @cncf.kubernetes.kube_client
kubernetes.kubernetes_helper_functions | add_pod_suffix=add_unique_suffix | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.kubernetes_helper_functions | annotations_for_logging_task_metadata | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.kubernetes_helper_functions | annotations_to_key | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.kubernetes_helper_functions | create_pod_id=create_unique_id | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.kubernetes_helper_functions | get_logs_task_metadata | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.kubernetes_helper_functions | rand_str | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.pod | Port=V1ContainerPort Resources=V1ResourceRequirements | =kubernetes.client.models
kubernetes.pod_generator | PodDefaults | @cncf.kubernetes.utils.xcom_sidecar
kubernetes.pod_generator | PodGenerator PodGeneratorDeprecated=PodGenerator | @cncf.kubernetes.pod_generator
kubernetes.pod_generator | add_pod_suffix=add_unique_suffix rand_str | @cncf.kubernetes.kubernetes_helper_functions
kubernetes.pod_generator | datetime_to_label_safe_datestring extend_object_field | @cncf.kubernetes.pod_generator
kubernetes.pod_generator | label_safe_datestring_to_datetime make_safe_label_value | @cncf.kubernetes.pod_generator
kubernetes.pod_generator | merge_objects | @cncf.kubernetes.pod_generator
kubernetes.pod_generator_deprecated | PodDefaults | @cncf.kubernetes.utils.xcom_sidecar
kubernetes.pod_generator_deprecated | PodGenerator make_safe_label_value | @cncf.kubernetes.pod_generator
kubernetes.pod_launcher | PodLauncher=PodManager PodStatus=PodPhase | @cncf.kubernetes.utils.pod_manager
kubernetes.pod_launcher_deprecated | PodDefaults | @cncf.kubernetes.utils.xcom_sidecar
kubernetes.pod_launcher_deprecated | PodLauncher=PodManager PodStatus=PodPhase | @cncf.kubernetes.utils.pod_manager
kubernetes.pod_launcher_deprecated | get_kube_client | @cncf.kubernetes.kube_client
kubernetes.pod_runtime_info_env | PodRuntimeInfoEnv=V1EnvVar | =kubernetes.client.models
kubernetes.secret | K8SModel | @cncf.kubernetes.k8s_model
kubernetes.volume | Volume=V1Volume | =kubernetes.client.models
kubernetes.volume_mount | VolumeMount=V1VolumeMount | =kubernetes.client.models
macros.hive | closest_ds_partition max_partition | @apache.hive.macros.hive
operators.check_operator | SQLCheckOperator SQLIntervalCheckOperator | @common.sql.operators.sql
operators.check_operator | SQLThresholdCheckOperator SQLValueCheckOperator | @common.sql.operators.sql
operators.check_operator | ThresholdCheckOperator=SQLThresholdCheckOperator | @common.sql.operators.sql
operators.docker_operator | DockerOperator | @docker.operators.docker
operators.druid_check_operator | CheckOperator=SQLCheckOperator | @common.sql.operators.sql
operators.druid_check_operator | DruidCheckOperator=SQLCheckOperator | @common.sql.operators.sql
operators.gcs_to_s3 | GCSToS3Operator | @amazon.aws.transfers.gcs_to_s3
operators.google_api_to_s3_transfer | GoogleApiToS3Operator | @amazon.aws.transfers.google_api_to_s3
operators.google_api_to_s3_transfer | GoogleApiToS3Transfer=GoogleApiToS3Operator | @amazon.aws.transfers.google_api_to_s3
operators.hive_operator | HiveOperator | @apache.hive.operators.hive
operators.hive_stats_operator | HiveStatsCollectionOperator | @apache.hive.operators.hive_stats
operators.hive_to_druid | HiveToDruidOperator | @apache.druid.transfers.hive_to_druid
operators.hive_to_druid | HiveToDruidTransfer=HiveToDruidOperator | @apache.druid.transfers.hive_to_druid
operators.hive_to_mysql | HiveToMySqlOperator | @apache.hive.transfers.hive_to_mysql
operators.hive_to_mysql | HiveToMySqlTransfer=HiveToMySqlOperator | @apache.hive.transfers.hive_to_mysql
operators.hive_to_samba_operator | HiveToSambaOperator | @apache.hive.transfers.hive_to_samba
operators.jdbc_operator | JdbcOperator | =aerodrome_runtime.shim.stand_ins_sql
operators.mssql_operator | MsSqlOperator | =aerodrome_runtime.shim.stand_ins_sql
operators.mssql_to_hive | MsSqlToHiveOperator | @apache.hive.transfers.mssql_to_hive
operators.mssql_to_hive | MsSqlToHiveTransfer=MsSqlToHiveOperator | @apache.hive.transfers.mssql_to_hive
operators.mysql_to_hive | MySqlToHiveOperator | @apache.hive.transfers.mysql_to_hive
operators.mysql_to_hive | MySqlToHiveTransfer=MySqlToHiveOperator | @apache.hive.transfers.mysql_to_hive
operators.oracle_operator | OracleOperator | =aerodrome_runtime.shim.stand_ins_sql
operators.papermill_operator | PapermillOperator | @papermill.operators.papermill
operators.pig_operator | PigOperator | @apache.pig.operators.pig
operators.presto_check_operator | CheckOperator=SQLCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | IntervalCheckOperator=SQLIntervalCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | PrestoCheckOperator=SQLCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | PrestoIntervalCheckOperator=SQLIntervalCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | PrestoValueCheckOperator=SQLValueCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | SQLCheckOperator SQLIntervalCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | SQLValueCheckOperator | @common.sql.operators.sql
operators.presto_check_operator | ValueCheckOperator=SQLValueCheckOperator | @common.sql.operators.sql
operators.presto_to_mysql | PrestoToMySqlOperator | @mysql.transfers.presto_to_mysql
operators.presto_to_mysql | PrestoToMySqlTransfer=PrestoToMySqlOperator | @mysql.transfers.presto_to_mysql
operators.redshift_to_s3_operator | RedshiftToS3Operator | @amazon.aws.transfers.redshift_to_s3
operators.redshift_to_s3_operator | RedshiftToS3Transfer=RedshiftToS3Operator | @amazon.aws.transfers.redshift_to_s3
operators.s3_file_transform_operator | S3FileTransformOperator | @amazon.aws.operators.s3
operators.s3_to_hive_operator | S3ToHiveOperator | @apache.hive.transfers.s3_to_hive
operators.s3_to_hive_operator | S3ToHiveTransfer=S3ToHiveOperator | @apache.hive.transfers.s3_to_hive
operators.s3_to_redshift_operator | S3ToRedshiftOperator | @amazon.aws.transfers.s3_to_redshift
operators.s3_to_redshift_operator | S3ToRedshiftTransfer=S3ToRedshiftOperator | @amazon.aws.transfers.s3_to_redshift
operators.slack_operator | SlackAPIOperator | @slack.operators.slack
operators.sql | SQLColumnCheckOperator SQLTableCheckOperator | @common.sql.operators.sql
operators.sql | _convert_to_float_if_possible parse_boolean | @common.sql.operators.sql
operators.sql_branch_operator | BranchSQLOperator BranchSqlOperator=BranchSQLOperator | @common.sql.operators.sql
sensors.hive_partition_sensor | HivePartitionSensor | @apache.hive.sensors.hive_partition
sensors.metastore_partition_sensor | MetastorePartitionSensor | @apache.hive.sensors.metastore_partition
sensors.named_hive_partition_sensor | NamedHivePartitionSensor | @apache.hive.sensors.named_hive_partition
sensors.web_hdfs_sensor | WebHdfsSensor | @apache.hdfs.sensors.web_hdfs
"""
)
