"""All thirteen trigger rules over every mix of upstream outcomes"""

from itertools import combinations_with_replacement

from airflow.sdk import DAG, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

OUTCOMES = ("success", "failed", "skipped", "upstream_failed")


@task
def ends(how):
    if how == "failed":
        raise ValueError(how)
    if how == "skipped":
        raise AirflowSkipException(how)


@task
def below():
    return None


for number, mix in enumerate(combinations_with_replacement(OUTCOMES, 2)):
    with DAG(f"feature_trigger_rules_{number}", schedule=None, params={"mix": list(mix)}) as dag:
        above = []
        for place, how in enumerate(mix):
            if how == "upstream_failed":
                one = below.override(task_id=f"up{place}")()
                ends.override(task_id=f"cause{place}")("failed") >> one
            else:
                one = ends.override(task_id=f"up{place}")(how)
            above.append(one)
        for rule in sorted(rule.value for rule in TriggerRule):
            if rule in ("all_done_setup_success", "dummy"):
                continue
            above >> below.override(task_id=f"rule_{rule}", trigger_rule=rule)()
    globals()[dag.dag_id] = dag
