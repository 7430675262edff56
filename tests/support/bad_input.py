"""DAG files with every kind of bad input, and what else they need."""

from __future__ import annotations

FILES: dict[str, str] = {
    "plugins/bad_parts.py": """
        from airflow.plugins_manager import AirflowPlugin
        from airflow.sdk.bases.timetable import BaseTimetable
        from airflow.task.priority_strategy import PriorityWeightStrategy
        from airflow.timetables.base import DagRunInfo, DataInterval, Timetable


        class RaisesAtNext(Timetable):
            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                raise ValueError("this timetable knows no next run")

            def infer_manual_data_interval(self, *, run_after):
                return DataInterval.exact(run_after)

            def serialize(self):
                return {}

            @classmethod
            def deserialize(cls, data):
                return cls()


        class RaisesAtManual(RaisesAtNext):
            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                return None

            def infer_manual_data_interval(self, *, run_after):
                raise ValueError("no interval by hand")


        class RaisesAtOnce(RaisesAtNext):
            def __init__(self):
                raise ValueError("this timetable cannot be made")


        class RaisingWeights(PriorityWeightStrategy):
            def get_weight(self, ti):
                raise ValueError("this strategy knows no weight")


        class NonsenseWeights(PriorityWeightStrategy):
            def get_weight(self, ti):
                return "heavy"


        class GoodWeights(PriorityWeightStrategy):
            def get_weight(self, ti):
                return 41 - ti.try_number


        class BadParts(AirflowPlugin):
            name = "bad_parts"
            timetables = [RaisesAtNext, RaisesAtManual, RaisesAtOnce]
            priority_weight_strategies = [RaisingWeights, NonsenseWeights, GoodWeights]
    """,
    "plugins/bad_triggers.py": """
        from airflow.triggers.base import BaseTrigger, TriggerEvent


        class Raises(BaseTrigger):
            def serialize(self):
                return "bad_triggers.Raises", {}

            async def run(self):
                raise ValueError("this trigger is bad")
                yield TriggerEvent(1)


        class Silent(BaseTrigger):
            def serialize(self):
                return "bad_triggers.Silent", {}

            async def run(self):
                return
                yield TriggerEvent(1)


        class Nowhere(BaseTrigger):
            def serialize(self):
                return "no_such_module.Nowhere", {}

            async def run(self):
                yield TriggerEvent(1)


        class Unmakeable(BaseTrigger):
            def __init__(self, needed=None):
                super().__init__()

            def serialize(self):
                return "bad_triggers.Unmakeable", {"unknown": 1}

            async def run(self):
                yield TriggerEvent(1)


        class Unserialisable(BaseTrigger):
            def serialize(self):
                return "bad_triggers.Unserialisable", {"thing": object()}

            async def run(self):
                yield TriggerEvent(1)


        class NoEvent(BaseTrigger):
            def serialize(self):
                return "bad_triggers.NoEvent", {}

            async def run(self):
                yield "no event at all"
    """,
    "dags/cyclic.py": """
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.sdk import DAG

        with DAG("cyclic", schedule=None):
            one, two, three = (EmptyOperator(task_id=name) for name in ("one", "two", "three"))
            one >> two >> three >> one
    """,
    "dags/timetable_at_parse.py": """
        from airflow.sdk import DAG, task

        from bad_parts import RaisesAtOnce

        with DAG("timetable_at_parse", schedule=RaisesAtOnce()):

            @task
            def works():
                pass

            works()
    """,
    "dags/timetable_at_next.py": """
        import pendulum
        from airflow.sdk import DAG, task

        from bad_parts import RaisesAtNext

        with DAG("timetable_at_next", schedule=RaisesAtNext(), start_date=pendulum.datetime(2026, 1, 1)):

            @task
            def works():
                pass

            works()
    """,
    "dags/timetable_by_hand.py": """
        import pendulum
        from airflow.sdk import DAG, task

        from bad_parts import RaisesAtManual

        with DAG("timetable_by_hand", schedule=RaisesAtManual(), start_date=pendulum.datetime(2026, 1, 1)):

            @task
            def works():
                pass

            works()
    """,
    "dags/bad_cron.py": """
        from airflow.sdk import DAG, task

        with DAG("bad_cron", schedule="99 99 * * *"):

            @task
            def works():
                pass

            works()
    """,
    "dags/unknown_executor.py": """
        from airflow.sdk import DAG, task

        with DAG("unknown_executor", schedule=None):

            @task(executor="MoonExecutor")
            def works():
                pass

            works()
    """,
    "dags/expand_number.py": """
        from airflow.sdk import DAG, task

        with DAG("expand_number", schedule=None):

            @task
            def works(n):
                pass

            works.expand(n=7)
    """,
    "dags/expand_nobody.py": """
        from airflow.sdk import DAG, task

        with DAG("expand_nobody", schedule=None):

            @task
            def works(n):
                pass

            works.expand(nobody=[1])
    """,
    "dags/expand_twice.py": """
        from airflow.providers.standard.operators.bash import BashOperator
        from airflow.sdk import DAG

        with DAG("expand_twice", schedule=None):
            BashOperator.partial(task_id="works", bash_command="true").expand(bash_command=["true"])
    """,
    "dags/expand_kwargs_number.py": """
        from airflow.sdk import DAG, task

        with DAG("expand_kwargs_number", schedule=None):

            @task
            def works(n):
                pass

            works.expand_kwargs(7)
    """,
    "dags/unknown_rule.py": """
        from airflow.sdk import DAG, task

        with DAG("unknown_rule", schedule=None):

            @task(trigger_rule="all_lucky")
            def works():
                pass

            works()
    """,
    "dags/unknown_weights.py": """
        from airflow.sdk import DAG, task

        with DAG("unknown_weights", schedule=None):

            @task(weight_rule="nowhere.NoStrategy")
            def works():
                pass

            works()
    """,
    "dags/too_long_literal.py": """
        from airflow.sdk import DAG, task

        with DAG("too_long_literal", schedule=None):

            @task
            def works(n):
                pass

            works.expand(n=list(range(100_001)))
    """,
    "dags/bad_weights.py": """
        from airflow.sdk import DAG, task

        from bad_parts import GoodWeights, NonsenseWeights, RaisingWeights

        with DAG("bad_weights", schedule=None):

            @task(weight_rule=RaisingWeights(), priority_weight=3)
            def raising():
                pass

            @task(weight_rule=NonsenseWeights(), priority_weight=4)
            def nonsense():
                pass

            @task(weight_rule=GoodWeights())
            def good():
                pass

            @task(weight_rule="bad_parts.GoodWeights")
            def named():
                pass

            raising(), nonsense(), good(), named()
    """,
    "dags/bad_values.py": """
        from datetime import timedelta

        from airflow.providers.standard.operators.bash import BashOperator
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.sdk import DAG, BaseOperator, Param, task
        from airflow.sdk.definitions.retry_policy import RetryPolicy
        import bad_triggers


        class Defers(BaseOperator):
            def __init__(self, trigger, **kwargs):
                super().__init__(**kwargs)
                self.trigger = trigger

            def execute(self, context):
                self.defer(trigger=self.trigger, method_name="resumed")

            def resumed(self, context, event=None):
                print("resumed with", event)


        def raises(context):
            raise ValueError("this callback is bad")


        class BadPolicy(RetryPolicy):
            def evaluate(self, *args, **kwargs):
                raise ValueError("this policy is bad")


        with DAG("bad_values", schedule=None, default_args={"retries": 0}):

            @task
            def not_json():
                return object()

            @task
            def not_json_inside():
                return {"set": {1, 2}, "f": raises}

            @task
            def nan():
                return float("nan")

            @task
            def none():
                return None

            @task
            def text():
                return "some text"

            @task
            def number():
                return 7

            @task
            def mapping():
                return {"a": 1, "b": 2}

            @task
            def kwargs_list():
                return [1, 2]

            @task
            def unknown_keys():
                return [{"a": 1, "nobody": 2}]

            @task
            def duplicate_keys():
                return [{"a": 1, "b": 2}]

            @task
            def ok_list():
                return [1]

            @task
            def sees(value):
                print("sees", value)

            @task
            def two(a, b=None):
                print("two", a, b)

            @task
            def too_long():
                return list(range(100_001))

            @task
            def four_hundred():
                return list(range(400))

            sees.override(task_id="over_none").expand(value=none())
            sees.override(task_id="over_text").expand(value=text())
            sees.override(task_id="over_number").expand(value=number())
            sees.override(task_id="over_mapping").expand(value=mapping())
            sees.override(task_id="over_not_json").expand(value=not_json())
            two.override(task_id="kwargs_of_numbers").expand_kwargs(kwargs_list())
            two.override(task_id="kwargs_of_mapping").expand_kwargs(mapping())
            two.override(task_id="kwargs_unknown").expand_kwargs(unknown_keys())
            two.partial(b=1).expand_kwargs(duplicate_keys())
            sees.override(task_id="over_too_long").expand(value=too_long())
            sees.override(task_id="over_bad_map").expand(value=ok_list().map(lambda n: 1 / 0))
            hundreds = four_hundred()
            two.override(task_id="product_too_long").expand(a=hundreds, b=hundreds)
            not_json_inside(), nan()

            Defers(task_id="trigger_raises", trigger=bad_triggers.Raises())
            Defers(task_id="trigger_silent", trigger=bad_triggers.Silent())
            Defers(task_id="trigger_nowhere", trigger=bad_triggers.Nowhere())
            Defers(task_id="trigger_unmakeable", trigger=bad_triggers.Unmakeable())
            Defers(task_id="trigger_unserialisable", trigger=bad_triggers.Unserialisable())
            Defers(task_id="trigger_no_event", trigger=bad_triggers.NoEvent())

            BashOperator(task_id="bad_template", bash_command="echo {{ nowhere.at_all }}")
            BashOperator(task_id="broken_template", bash_command="echo {{ broken")
            BashOperator(task_id="missing_template", bash_command="nowhere.sh")
            BashOperator(task_id="bad_callback", bash_command="true", on_success_callback=raises)
            BashOperator(task_id="bad_callbacks", bash_command="exit 3", on_failure_callback=raises)

            @task(retries=1, retry_delay=timedelta(0), retry_policy=BadPolicy())
            def bad_policy():
                raise RuntimeError("never well")

            bad_policy()
    """,
    "dags/holds.py": """
        from airflow.sdk import DAG, task

        with DAG("holds", schedule=None):

            @task(pool="no_such_pool")
            def unknown_pool():
                pass

            @task(queue="no_such_queue")
            def unknown_queue():
                pass

            unknown_pool(), unknown_queue()
    """,
    "dags/params.py": """
        from airflow.sdk import DAG, Param, task

        with DAG("params", schedule=None, params={"n": Param(3, type="integer", maximum=5)}):

            @task
            def works(params=None):
                return params["n"]

            works()
    """,
    "dags/params_default.py": """
        from airflow.sdk import DAG, Param, task

        with DAG("params_default", schedule="@daily", params={"n": Param("three", type="integer")}):

            @task
            def works(params=None):
                return params["n"]

            works()
    """,
    "dags/params_unset.py": """
        from airflow.sdk import DAG, Param, task

        with DAG("params_unset", schedule=None, params={"n": Param(type="integer")}):

            @task
            def works(params=None):
                return params["n"]

            works()
    """,
}
