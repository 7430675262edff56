"""Which fields of which table an audit row may show. Numbers, flags, instants and ids are plain; every other field is
declared here, and one that is not is masked. A new field of text goes into `PLAIN` when everybody who may read the
tenant's audit may read it, else into `HIDDEN`; tests/tenancy/test_audit_redaction.py names what was forgotten.
"""

from __future__ import annotations

from typing import Final

from tenants.audit.redaction import is_sensitive


def _declared(text: str) -> dict[str, frozenset[str]]:
    """`table: field field`, a table per line; further lines are indented."""
    found: dict[str, list[str]] = {}
    table = ""
    for word in text.split():
        if word.endswith(":"):
            table = word[:-1]
        found.setdefault(table, [])
        if not word.endswith(":"):
            found[table].append(word)
    return {name: frozenset(fields) for name, fields in found.items()}


HIDDEN: Final = _declared(
    """
    alert_channel: config sealed
    asset_event: extra
    asset_state: value
    audit_stream: access_key_id sealed_secret
    connection: login sealed
    connection_test: digest message sealed
    dag_version: source spec
    data_key: wrapped
    deployment_overlay: sealed
    git_remote: hook_sealed sealed
    hitl_detail: body defaults params params_input
    identity_provider: config scim_digest sealed
    kept_answer: key sealed
    rendered_field: fields
    secret_chain: sealed
    sign_in_factor: digest sealed
    task_instance: next_kwargs
    task_state: value
    timetable_forecast: past
    tenant_export: sealed
    token: digest
    trigger: kwargs
    user_account: password
    variable: sealed
    xcom: value
    """
)
"""Table -> fields that are never shown: secrets, and what tasks and people keep."""

PLAIN: Final = _declared(
    """
    agent: name hostname level level_detail queues usage
    alert: group_key kind state severity owner cause dags items acknowledged_by resolved_by
    alert_channel: name kind last_error
    alert_route: owner severity channels rotation
    alert_rule: name kind selector settings severity channels escalation action runbook
    alert_signal: kind dag_id subject detail
    artefact_use: digest
    asset: name uri group extra
    asset_alias: name group
    asset_event: source_dag_id source_run_id source_task_id partition_key
    asset_partition_key: source_key target_key fingerprint
    asset_reference: dag_id kind task_id ref_name ref_uri watchers
    asset_state: key writer dag_id run_id task_id
    asset_watcher: name
    attempt_usage: kind dag_id run_id task_id
    audit_checkpoint: hash
    audit_row: action target outcome actor_kind actor actor_id address request_id method route
        before after detail digest prev hash
    audit_stream: name kind state url endpoint region last_error created_by
    backfill: dag_id dag_run_conf reprocess_behavior triggering_user_name
    backfill_dag_run: exception_reason partition_key
    budget: dag_id thresholds changed_by
    budget_burn: dag_id
    bundle_version: digest commit_sha branch source message pushed_by files candidates state summary
    callback: kind state dag_id run_id task_id hostname reason message
    canary: dag_id conf on_failure state run_id message
    commit_status: commit_sha state description message
    connection_test: conn_id state created_by
    connection: conn_id conn_type description host schema
    dag: dag_id relative_fileloc pause_reason display_name description owners tags timetable_summary
        timetable_description next_partition_key schedule
    dag_favorite: owner
    dag_run: dag_id run_id run_type state conf triggered_by triggering_user_name trigger_chain note
        partition_key runtime_digest fails_by
    dag_task: task_id operator downstream counts_into weighed_by weighed_same readings known_lengths
        pool queue executor
    dag_version: dag_id content_hash
    data_key: kek_id
    deadline: kind task_id name reference problem
    deployment: reason state message created_by summary pools_before
    deployment_overlay: names pools created_by
    email_change: email
    errand: kind
    event_log: event owner dag_id task_id run_id extra
    file_parse: path sha256 runtime_digest dependencies listed dag_hashes failures findings
    git_remote: url host_kind ref_kind ref folder auth login known_hosts state message last_commit
        created_by
    grant_target: kind name
    hitl_detail: options subject assignees responded_by chosen_options
    hook_delivery: digest
    identity_provider: kind name issuer groups_claim role_map
    import_error: filename kind message stacktrace
    invitation: email role invited_by accepted_by
    kept_answer: owner digest
    mail: kind address
    maintenance_window: name selector channels created_by
    membership: role
    notification: kind message state tries
    object_grant: granted_by
    operator_entry: operator role reason address
    organisation: name
    organisation_member: role
    organisation_quota: plan overrides reason changed_by
    periodic_job: name lease_owner outcome message
    person_identity: subject external_id groups user_name
    plan: name title limits prices currency changed_by
    platform_audit_checkpoint: hash
    platform_audit_row: action target outcome actor_kind actor actor_id address request_id method
        route before after detail digest prev hash
    pool: name description
    pool_start: pool
    preview: branch slug state created_by
    report: name period asked_by figures
    report_schedule: name period channels asked_by
    retention: pruned
    provisioned_group: name external_id
    role: name description permissions created_by
    run_day: dag_id
    runtime: digest airflow python requirements state message log
    serial: name
    secret_chain: stores
    service_account: name description role created_by
    sign_in_factor: kind name
    sign_in_session: method address user_agent ended_because
    task_instance: dag_id run_id task_id map_lengths state pool queue executor operator held_reason
        hostname unixname next_method rendered_map_index died note
    task_state: task_id key
    task_try: state hostname unixname died
    storage_held: kind
    tenant: slug name environment state deletion_asked_by settings
    tenant_export: state sha256 left_out missing message asked_by
    tenant_quota: plan overrides reason changed_by
    timetable_forecast: content_hash runs problem
    token: name kind role scopes prefix created_by
    trigger: classpath queue event ends assets heard
    usage_day: dag_id task_id
    usage_storage: kind dag_id
    user_account: username email full_name
    variable: key description
    work_item: kind
    workload: kind executor queue stop
    xcom: dag_id run_id task_id key kept_as
    """
)
"""Table -> fields of text that are shown; what looks like a credential in them is masked all the same."""


def is_plain(table: str, field: str, value: object) -> bool:
    """Whether an audit row may show `value` of this field."""
    if field in HIDDEN.get(table, ()) or is_sensitive(field):
        return False
    return field in PLAIN.get(table, ()) or not isinstance(value, str | bytes | memoryview | dict | list)
