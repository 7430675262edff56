"""The names of Airflow 1's `airflow.contrib` but its operators: where each lives today.

Only what Airflow 3 does not find by itself. The format: `moved_table`.
"""

from __future__ import annotations

from aerodrome_runtime.shim.moved_table import read_table

CONTRIB = read_table(
    """
contrib.hooks.aws_athena_hook | AWSAthenaHook=AthenaHook | @amazon.aws.hooks.athena
contrib.hooks.aws_datasync_hook | AWSDataSyncHook=DataSyncHook | @amazon.aws.hooks.datasync
contrib.hooks.aws_dynamodb_hook | AwsDynamoDBHook=DynamoDBHook | @amazon.aws.hooks.dynamodb
contrib.hooks.aws_firehose_hook | FirehoseHook | @amazon.aws.hooks.kinesis
contrib.hooks.aws_glue_catalog_hook | AwsGlueCatalogHook=GlueCatalogHook | @amazon.aws.hooks.glue_catalog
contrib.hooks.aws_hook | AwsBaseHook | @amazon.aws.hooks.base_aws
contrib.hooks.aws_lambda_hook | AwsLambdaHook=LambdaHook | @amazon.aws.hooks.lambda_function
contrib.hooks.aws_logs_hook | AwsLogsHook | @amazon.aws.hooks.logs
contrib.hooks.aws_sns_hook | AwsSnsHook=SnsHook | @amazon.aws.hooks.sns
contrib.hooks.aws_sqs_hook | SqsHook SQSHook=SqsHook | @amazon.aws.hooks.sqs
contrib.hooks.azure_container_instance_hook | AzureContainerInstanceHook | @microsoft.azure.hooks.container_instance
contrib.hooks.azure_container_registry_hook | AzureContainerRegistryHook | @microsoft.azure.hooks.container_registry
contrib.hooks.azure_container_volume_hook | AzureContainerVolumeHook | @microsoft.azure.hooks.container_volume
contrib.hooks.azure_cosmos_hook | AzureCosmosDBHook | @microsoft.azure.hooks.cosmos
contrib.hooks.azure_data_lake_hook | AzureDataLakeHook | @microsoft.azure.hooks.data_lake
contrib.hooks.azure_fileshare_hook | AzureFileShareHook | @microsoft.azure.hooks.fileshare
contrib.hooks.bigquery_hook | BigQueryBaseCursor BigQueryConnection BigQueryCursor | @google.cloud.hooks.bigquery
contrib.hooks.bigquery_hook | GbqConnector | @google.cloud.hooks.bigquery
contrib.hooks.cassandra_hook | CassandraHook | @apache.cassandra.hooks.cassandra
contrib.hooks.cloudant_hook | CloudantHook | @cloudant.hooks.cloudant
contrib.hooks.databricks_hook | DatabricksHook RunState | @databricks.hooks.databricks
contrib.hooks.datadog_hook | DatadogHook | @datadog.hooks.datadog
contrib.hooks.datastore_hook | DatastoreHook | @google.cloud.hooks.datastore
contrib.hooks.dingding_hook | DingdingHook | @dingding.hooks.dingding
contrib.hooks.discord_webhook_hook | DiscordWebhookHook | @discord.hooks.discord_webhook
contrib.hooks.emr_hook | EmrHook | @amazon.aws.hooks.emr
contrib.hooks.fs_hook | FSHook | @standard.hooks.filesystem
contrib.hooks.ftp_hook | FTPHook FTPSHook | @ftp.hooks.ftp
contrib.hooks.gcp_api_base_hook | GoogleBaseHook | @google.common.hooks.base_google
contrib.hooks.gcp_api_base_hook | GoogleCloudBaseHook=GoogleBaseHook | @google.common.hooks.base_google
contrib.hooks.gcp_bigtable_hook | BigtableHook | @google.cloud.hooks.bigtable
contrib.hooks.gcp_cloud_build_hook | CloudBuildHook | @google.cloud.hooks.cloud_build
contrib.hooks.gcp_compute_hook | ComputeEngineHook GceHook=ComputeEngineHook | @google.cloud.hooks.compute
contrib.hooks.gcp_container_hook | GKEHook GKEClusterHook=GKEHook | @google.cloud.hooks.kubernetes_engine
contrib.hooks.gcp_dataflow_hook | DataflowHook DataFlowHook=DataflowHook | @google.cloud.hooks.dataflow
contrib.hooks.gcp_dataproc_hook | DataprocHook DataProcHook=DataprocHook | @google.cloud.hooks.dataproc
contrib.hooks.gcp_dlp_hook | CloudDLPHook DlpJob | @google.cloud.hooks.dlp
contrib.hooks.gcp_function_hook | CloudFunctionsHook GcfHook=CloudFunctionsHook | @google.cloud.hooks.functions
contrib.hooks.gcp_kms_hook | CloudKMSHook GoogleCloudKMSHook=CloudKMSHook | @google.cloud.hooks.kms
contrib.hooks.gcp_mlengine_hook | MLEngineHook | ! the google provider removed it; see its release notes for the operator that took its place
contrib.hooks.gcp_natural_language_hook | CloudNaturalLanguageHook | @google.cloud.hooks.natural_language
contrib.hooks.gcp_pubsub_hook | PubSubException PubSubHook | @google.cloud.hooks.pubsub
contrib.hooks.gcp_spanner_hook | SpannerHook CloudSpannerHook=SpannerHook | @google.cloud.hooks.spanner
contrib.hooks.gcp_speech_to_text_hook | CloudSpeechToTextHook | @google.cloud.hooks.speech_to_text
contrib.hooks.gcp_speech_to_text_hook | GCPSpeechToTextHook=CloudSpeechToTextHook | @google.cloud.hooks.speech_to_text
contrib.hooks.gcp_sql_hook | CloudSQLDatabaseHook CloudSQLHook | @google.cloud.hooks.cloud_sql
contrib.hooks.gcp_sql_hook | CloudSqlDatabaseHook=CloudSQLDatabaseHook | @google.cloud.hooks.cloud_sql
contrib.hooks.gcp_sql_hook | CloudSqlHook=CloudSQLHook | @google.cloud.hooks.cloud_sql
contrib.hooks.gcp_tasks_hook | CloudTasksHook | @google.cloud.hooks.tasks
contrib.hooks.gcp_text_to_speech_hook | CloudTextToSpeechHook | @google.cloud.hooks.text_to_speech
contrib.hooks.gcp_text_to_speech_hook | GCPTextToSpeechHook=CloudTextToSpeechHook | @google.cloud.hooks.text_to_speech
contrib.hooks.gcp_transfer_hook | CloudDataTransferServiceHook | @google.cloud.hooks.cloud_storage_transfer_service
contrib.hooks.gcp_transfer_hook | GCPTransferServiceHook=CloudDataTransferServiceHook | @google.cloud.hooks.cloud_storage_transfer_service
contrib.hooks.gcp_translate_hook | CloudTranslateHook | @google.cloud.hooks.translate
contrib.hooks.gcp_video_intelligence_hook | CloudVideoIntelligenceHook | @google.cloud.hooks.video_intelligence
contrib.hooks.gcp_vision_hook | CloudVisionHook | @google.cloud.hooks.vision
contrib.hooks.gcs_hook | GCSHook GoogleCloudStorageHook=GCSHook | @google.cloud.hooks.gcs
contrib.hooks.gdrive_hook | GoogleDriveHook | @google.suite.hooks.drive
contrib.hooks.grpc_hook | GrpcHook | @grpc.hooks.grpc
contrib.hooks.imap_hook | ImapHook Mail MailPart | @imap.hooks.imap
contrib.hooks.jenkins_hook | JenkinsHook | @jenkins.hooks.jenkins
contrib.hooks.jira_hook | JiraHook | @atlassian.jira.hooks.jira
contrib.hooks.mongo_hook | MongoHook | @mongo.hooks.mongo
contrib.hooks.openfaas_hook | OpenFaasHook | @openfaas.hooks.openfaas
contrib.hooks.opsgenie_alert_hook | OpsgenieAlertHook | @opsgenie.hooks.opsgenie
contrib.hooks.pagerduty_hook | PagerdutyHook | @pagerduty.hooks.pagerduty
contrib.hooks.pinot_hook | PinotAdminHook PinotDbApiHook | @apache.pinot.hooks.pinot
contrib.hooks.redis_hook | RedisHook | @redis.hooks.redis
contrib.hooks.redshift_hook | RedshiftHook | @amazon.aws.hooks.redshift_cluster
contrib.hooks.sagemaker_hook | LogState Position SageMakerHook | @amazon.aws.hooks.sagemaker
contrib.hooks.salesforce_hook | SalesforceHook | @salesforce.hooks.salesforce
contrib.hooks.segment_hook | SegmentHook | @segment.hooks.segment
contrib.hooks.sftp_hook | SFTPHook | @sftp.hooks.sftp
contrib.hooks.slack_webhook_hook | SlackWebhookHook | @slack.hooks.slack_webhook
contrib.hooks.snowflake_hook | SnowflakeHook | @snowflake.hooks.snowflake
contrib.hooks.spark_jdbc_hook | SparkJDBCHook | @apache.spark.hooks.spark_jdbc
contrib.hooks.spark_sql_hook | SparkSqlHook | @apache.spark.hooks.spark_sql
contrib.hooks.spark_submit_hook | SparkSubmitHook | @apache.spark.hooks.spark_submit
contrib.hooks.vertica_hook | VerticaHook | @vertica.hooks.vertica
contrib.hooks.wasb_hook | WasbHook | @microsoft.azure.hooks.wasb
contrib.hooks.winrm_hook | WinRMHook | @microsoft.winrm.hooks.winrm
contrib.secrets.aws_secrets_manager | SecretsManagerBackend | @amazon.aws.secrets.secrets_manager
contrib.secrets.aws_systems_manager | SystemsManagerParameterStoreBackend | @amazon.aws.secrets.systems_manager
contrib.secrets.azure_key_vault | AzureKeyVaultBackend | @microsoft.azure.secrets.key_vault
contrib.secrets.gcp_secrets_manager | CloudSecretManagerBackend | @google.cloud.secrets.secret_manager
contrib.secrets.gcp_secrets_manager | CloudSecretsManagerBackend=CloudSecretManagerBackend | @google.cloud.secrets.secret_manager
contrib.secrets.hashicorp_vault | VaultBackend | @hashicorp.secrets.vault
contrib.sensors.aws_athena_sensor | AthenaSensor | @amazon.aws.sensors.athena
contrib.sensors.aws_glue_catalog_partition_sensor | AwsGlueCatalogPartitionSensor=GlueCatalogPartitionSensor | @amazon.aws.sensors.glue_catalog_partition
contrib.sensors.aws_redshift_cluster_sensor | AwsRedshiftClusterSensor=RedshiftClusterSensor | @amazon.aws.sensors.redshift_cluster
contrib.sensors.aws_sqs_sensor | SqsSensor SQSSensor=SqsSensor | @amazon.aws.sensors.sqs
contrib.sensors.azure_cosmos_sensor | AzureCosmosDocumentSensor | @microsoft.azure.sensors.cosmos
contrib.sensors.bash_sensor | BashSensor | @standard.sensors.bash
contrib.sensors.bigquery_sensor | BigQueryTableExistenceSensor | @google.cloud.sensors.bigquery
contrib.sensors.bigquery_sensor | BigQueryTableSensor=BigQueryTableExistenceSensor | @google.cloud.sensors.bigquery
contrib.sensors.cassandra_record_sensor | CassandraRecordSensor | @apache.cassandra.sensors.record
contrib.sensors.cassandra_table_sensor | CassandraTableSensor | @apache.cassandra.sensors.table
contrib.sensors.celery_queue_sensor | CeleryQueueSensor | @celery.sensors.celery_queue
contrib.sensors.datadog_sensor | DatadogSensor | @datadog.sensors.datadog
contrib.sensors.file_sensor | FileSensor | @standard.sensors.filesystem
contrib.sensors.ftp_sensor | FTPSensor FTPSSensor | @ftp.sensors.ftp
contrib.sensors.gcp_transfer_sensor | CloudDataTransferServiceJobStatusSensor | @google.cloud.sensors.cloud_storage_transfer_service
contrib.sensors.gcp_transfer_sensor | GCPTransferServiceWaitForJobStatusSensor=CloudDataTransferServiceJobStatusSensor | @google.cloud.sensors.cloud_storage_transfer_service
contrib.sensors.gcs_sensor | GCSObjectExistenceSensor GCSObjectsWithPrefixExistenceSensor | @google.cloud.sensors.gcs
contrib.sensors.gcs_sensor | GCSObjectUpdateSensor GCSUploadSessionCompleteSensor | @google.cloud.sensors.gcs
contrib.sensors.gcs_sensor | GoogleCloudStorageObjectSensor=GCSObjectExistenceSensor | @google.cloud.sensors.gcs
contrib.sensors.gcs_sensor | GoogleCloudStorageObjectUpdatedSensor=GCSObjectUpdateSensor | @google.cloud.sensors.gcs
contrib.sensors.gcs_sensor | GoogleCloudStoragePrefixSensor=GCSObjectsWithPrefixExistenceSensor | @google.cloud.sensors.gcs
contrib.sensors.gcs_sensor | GoogleCloudStorageUploadSessionCompleteSensor=GCSUploadSessionCompleteSensor | @google.cloud.sensors.gcs
contrib.sensors.imap_attachment_sensor | ImapAttachmentSensor | @imap.sensors.imap_attachment
contrib.sensors.jira_sensor | JiraSensor JiraTicketSensor | @atlassian.jira.sensors.jira
contrib.sensors.mongo_sensor | MongoSensor | @mongo.sensors.mongo
contrib.sensors.pubsub_sensor | PubSubPullSensor | @google.cloud.sensors.pubsub
contrib.sensors.python_sensor | PythonSensor | @standard.sensors.python
contrib.sensors.redis_key_sensor | RedisKeySensor | @redis.sensors.redis_key
contrib.sensors.redis_pub_sub_sensor | RedisPubSubSensor | @redis.sensors.redis_pub_sub
contrib.sensors.sagemaker_training_sensor | SageMakerHook SageMakerTrainingSensor | @amazon.aws.sensors.sagemaker
contrib.sensors.sftp_sensor | SFTPSensor | @sftp.sensors.sftp
contrib.sensors.wasb_sensor | WasbBlobSensor WasbPrefixSensor | @microsoft.azure.sensors.wasb
contrib.sensors.weekday_sensor | DayOfWeekSensor | @standard.sensors.weekday
contrib.task_runner.cgroup_task_runner | CgroupTaskRunner | ! the platform runs every task in a jail of its own; there is no task runner to choose
contrib.utils.gcp_field_sanitizer | GcpBodyFieldSanitizer | @google.cloud.utils.field_sanitizer
contrib.utils.gcp_field_sanitizer | GcpFieldSanitizerException | @google.cloud.utils.field_sanitizer
contrib.utils.gcp_field_validator | GcpBodyFieldValidator | @google.cloud.utils.field_validator
contrib.utils.gcp_field_validator | GcpFieldValidationException | @google.cloud.utils.field_validator
contrib.utils.gcp_field_validator | GcpValidationSpecificationException | @google.cloud.utils.field_validator
contrib.utils.mlengine_prediction_summary | JsonCoder MakeSummary | @google.cloud.utils.mlengine_prediction_summary
contrib.utils.weekday | WeekDay | @standard.utils.weekday
"""  # noqa: E501
)
