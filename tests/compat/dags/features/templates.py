"""Templates: dates, macros, params, conf, XComs, native objects, rendered fields"""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param


def echo(*args, **kwargs):
    return {"args": list(args), "kwargs": {k: v for k, v in kwargs.items() if k.startswith("my_")}}


with DAG(
    "feature_templates",
    schedule=None,
    params={"who": Param("world", type="string"), "n": Param(3, type="integer", minimum=1)},
    user_defined_macros={"shout": lambda text: text.upper()},
    user_defined_filters={"twice": lambda text: text * 2},
):
    BashOperator(
        task_id="dates",
        bash_command="echo {{ ds }} {{ ds_nodash }} {{ ts_nodash }} {{ logical_date.strftime('%H:%M') }}",
    )
    BashOperator(
        task_id="macros",
        bash_command="echo {{ macros.ds_add(ds, 2) }} {{ shout('x') }} {{ 'ab' | twice }} {{ params.who }}",
        env={"N": "{{ params.n }}", "DAG": "{{ dag.dag_id }}.{{ task.task_id }}.{{ ti.try_number }}"},
    )
    PythonOperator(
        task_id="nested",
        python_callable=echo,
        op_args=["{{ run_id }}", {"deep": ["{{ params.n + 1 }}"]}],
        op_kwargs={"my_value": "{{ dag_run.conf.get('x', 'nothing') }}"},
    ) >> BashOperator(task_id="pulls", bash_command="echo {{ ti.xcom_pull('nested')['args'][0] }}")
    BashOperator(task_id="broken", bash_command="echo {{ params.absent.deeper }}")

with DAG("feature_native_templates", schedule=None, render_template_as_native_obj=True, params={"n": 3}):
    PythonOperator(
        task_id="native",
        python_callable=echo,
        op_kwargs={"my_n": "{{ params.n }}", "my_list": "{{ [1, 2] }}"},
    )
