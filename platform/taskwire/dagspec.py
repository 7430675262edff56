"""What a DAG *is*, told without Airflow's classes.

The runtime translates each parsed DAG into a `DagSpec`; the control plane stores it, hashes it and plans
from it. The spec is canonical: the same source gives the same bytes (sorted, no memory addresses, no clock),
so a DAG version is the hash of it (`taskwire.canonical`).
"""

from __future__ import annotations

from typing import Any

import msgspec


class Struct(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=False, kw_only=True):
    """Base of all words: unknown fields are ignored, so that an older peer reads a newer one's words."""


class ExpandInput(Struct, kw_only=True):
    """What a mapped task is expanded over; a tree whose leaves are literals or XComs.

    `kind`: `product` (`expand(**)`: one child per keyword, lengths multiply), `list` (`expand_kwargs`),
    `literal` (`length` known at parse time; 0 allowed), `xcom` (length of the XCom `key` of `task_id`),
    `zip` (shortest, or longest when `fill` is set), `concat` (sum), `map` (same as its only child; a
    `map` may drop elements only at run time, by raising a skip). `names` and `children` of a `product` keep
    the author's order: it decides which child gets which elements (the last keyword varies fastest).
    """

    kind: str
    names: list[str] = []
    children: list[ExpandInput] = []
    length: int | None = None
    task_id: str | None = None
    key: str = "return_value"
    fill: bool = False


class TaskSpec(Struct, kw_only=True):
    """One task. Seconds are floats, edges are task ids sorted by name."""

    task_id: str
    operator: str
    """Class name, as Airflow's `operator_name`."""
    module: str = ""
    task_type: str | None = None
    """The class itself when `operator` is a decorator's name (`@task` -> `_PythonDecoratedOperator`)."""
    downstream: list[str] = []
    edge_labels: dict[str, str] = {}
    """downstream task id -> the label its author gave the edge."""
    trigger_rule: str = "all_success"
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    group_id: str | None = None
    label: str | None = None
    """What a graph shows, when it is not the task id: the display name, or the id without its group."""
    display_name: str | None = None
    owner: str = ""
    pool: str = "default_pool"
    pool_slots: int = 1
    queue: str = "default"
    executor: str | None = None
    priority_weight: int = 1
    weight_rule: str = "downstream"
    """`downstream`, `upstream`, `absolute`, or the import path of the author's own strategy class."""
    own_weight: int | None = None
    """What the author's own strategy said, asked when the file was parsed; None when it could not say."""
    retries: int = 0
    retry_delay_seconds: float = 300.0
    retry_exponential_backoff: float = 0.0
    """0: constant delay; otherwise the multiplier per try (Airflow's `True` is 2.0)."""
    max_retry_delay_seconds: float | None = None
    has_retry_policy: bool = False
    """The author's own retry policy decides in the runtime; retries and delay are its upper bounds."""
    execution_timeout_seconds: float | None = None
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    ignore_first_depends_on_past: bool = False
    wait_for_past_depends_before_skipping: bool = False
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    is_mapped: bool = False
    expand: ExpandInput | None = None
    map_index_template: str | None = None
    mapped_group_ids: list[str] = []
    """Enclosing mapped task groups, outermost first."""
    is_empty: bool = False
    """Airflow's `inherits_from_empty_operator`, no callback, inlet or outlet: succeeds without a worker."""
    is_sensor: bool = False
    reschedules: bool = False
    """A sensor in mode `reschedule`: gives its slot back between two looks."""
    can_skip_downstream: bool = False
    """Branches and short circuits: inherits Airflow's SkipMixin."""
    do_xcom_push: bool = True
    multiple_outputs: bool = False
    run_as_user: str | None = None
    executor_config: dict[str, Any] = {}
    """Rendered as text where not JSON."""
    email: list[str] = []
    email_on_failure: bool = True
    email_on_retry: bool = True
    has_callbacks: list[str] = []
    """Which of on_execute, on_success, on_failure, on_retry, on_skipped are set."""
    sla_seconds: float | None = None
    start_date: str | None = None
    end_date: str | None = None
    doc_md: str | None = None
    params: dict[str, Any] = {}
    template_fields: list[str] = []
    ui_color: str | None = None
    ui_fgcolor: str | None = None
    inlets: list[dict[str, Any]] = []
    outlets: list[dict[str, Any]] = []
    dag_dependencies: list[dict[str, str]] = []
    """Other DAGs: {"kind": "triggers" | "waits_for", "dag_id", and "task_id" of the other DAG if one}."""
    extra_links: list[str] = []
    extra_link_keys: dict[str, str] = {}
    """Name of a link -> the XCom key under which the worker leaves it."""
    start_from_trigger: bool = False
    start_trigger: dict[str, Any] = {}
    """{"classpath", "kwargs", "next_method", "next_kwargs", "timeout_seconds"}: it starts in a trigger."""
    code_sha: str | None = None
    """SHA-256 of what the task does: the source of its callable and of classes in the bundle, and the values
    of its template fields; so that a changed body or command is a changed version."""
    secrets: dict[str, list[str]] = {}
    """Names of `connections` and `variables` that its arguments, templates and code name, as far as they are
    literals: what it may read where a tenant lets tasks read declared names only."""


class GroupSpec(Struct, kw_only=True):
    """A task group: the tree of them is rebuilt from `parent_id`."""

    group_id: str
    parent_id: str | None = None
    label: str | None = None
    tooltip: str = ""
    is_mapped: bool = False
    expand: ExpandInput | None = None
    ui_color: str | None = None
    ui_fgcolor: str | None = None
    doc_md: str | None = None
    upstream_groups: list[str] = []
    downstream_groups: list[str] = []
    upstream_tasks: list[str] = []
    downstream_tasks: list[str] = []
    """Edges drawn between a whole group and its neighbours; each task's own edges already contain them."""


class TimetableSpec(Struct, kw_only=True):
    """When a DAG runs, in words that `domain.timetables` evaluates.

    `kind`: `null`, `once`, `continuous`, `cron` (`expression`, `timezone`), `delta` (`delta`),
    `multi_cron` (`expressions`), `trigger_cron` (no data interval: `expression`, `interval_seconds`),
    `trigger_delta`, `multi_trigger_cron`, `events` (`instants`), `asset` (`condition`), `asset_or_time`
    (`condition`, `child`), `partition_cron` (`expression`, `partition`), `partition_asset` (`condition`,
    `partition`), `partition_runtime`, `custom` (evaluated in the tenant's runtime: `custom` is {"path",
    "data"}).

    `delta` and `interval` hold the non-zero fields of what the author wrote: of a timedelta `days`, `seconds`
    and `microseconds`, of a relativedelta `years`, `months`, `weeks` folded into `days`, … and its absolute
    fields (`year`, `month`, `day`, `hour`, …, `weekday`, `weekday_n`).
    """

    kind: str
    summary: str = ""
    """Airflow's `timetable_summary`: what people read."""
    description: str = ""
    expression: str | None = None
    expressions: list[str] = []
    timezone: str = "UTC"
    delta: dict[str, float] = {}
    interval_seconds: float = 0.0
    """Length of a trigger timetable's data interval, 0 when the author gave a relativedelta."""
    interval: dict[str, float] = {}
    """The data interval as relativedelta fields; empty when `interval_seconds` says it."""
    run_immediately: bool = False
    run_immediately_seconds: float | None = None
    """With no start date, run the latest past instant if it is at most this old."""
    instants: list[str] = []
    restrict_to_events: bool = False
    condition: dict[str, Any] | None = None
    """A tree of {"type": "all" | "any", "objects": [...]}, {"type": "asset", "name", "uri", "group"},
    {"type": "alias", "name", "group"} and {"type": "ref", "name" | "uri"}."""
    child: TimetableSpec | None = None
    partition: dict[str, Any] | None = None
    custom: dict[str, Any] | None = None
    active_runs_limit: int | None = None
    can_be_scheduled: bool = True


class DeadlineSpec(Struct, kw_only=True):
    """A DAG's `DeadlineAlert`: `reference` is queued_at, logical_date, fixed, average_runtime or custom."""

    reference: str
    interval_seconds: float
    """Negative: before the reference. 0 when `interval_variable` names the Variable that holds it."""
    interval_variable: str | None = None
    name: str | None = None
    fixed_at: str | None = None
    max_runs: int | None = None
    min_runs: int | None = None
    custom: dict[str, Any] | None = None
    callback: str = ""
    callback_kind: str = "sync"
    """`sync` runs like a task, `async` in the triggerer."""
    callback_kwargs: dict[str, Any] = {}
    callback_executor: str | None = None


class DagSpec(Struct, kw_only=True):
    """One DAG as its file declares it."""

    dag_id: str
    relative_fileloc: str
    """Path inside the bundle, POSIX separators."""
    dag_display_name: str | None = None
    description: str | None = None
    doc_md: str | None = None
    tags: list[str] = []
    owners: list[str] = []
    owner_links: dict[str, str] = {}
    timezone: str = "UTC"
    start_date: str | None = None
    end_date: str | None = None
    timetable: TimetableSpec
    catchup: bool = False
    max_active_runs: int = 16
    max_active_tasks: int = 16
    max_consecutive_failed_dag_runs: int = 0
    dagrun_timeout_seconds: float | None = None
    is_paused_upon_creation: bool | None = None
    fail_fast: bool = False
    params: dict[str, Any] = {}
    """name -> {"value", "schema", "description"}."""
    default_args: dict[str, Any] = {}
    """For display only: rendered as text where not JSON."""
    access_control: dict[str, Any] = {}
    render_template_as_native_obj: bool = False
    has_callbacks: list[str] = []
    """Which of on_success, on_failure and sla_miss are set."""
    allowed_run_types: list[str] | None = None
    disable_bundle_versioning: bool = False
    rerun_with_latest_version: bool | None = None
    template_searchpath: list[str] = []
    deadlines: list[DeadlineSpec] = []
    dag_result_task_id: str | None = None
    fresh_parse: bool = False
    """The file asked that each task gets a fresh parse instead of a warm copy."""
    tasks: list[TaskSpec] = []
    """Sorted in topological order, ties by task id; a task's position is its `task_index`."""
    groups: list[GroupSpec] = []
