"""Train, evaluate, and deploy only a model that is good enough. Plain Python in place of a learning library."""

import math
import random
from datetime import datetime

from airflow import DAG
from airflow.operators.python import BranchPythonOperator, PythonOperator

THRESHOLD = 0.8


def prepare_data():
    random.seed(42)
    rows = [(random.random(), random.random()) for _ in range(300)]
    return [{"x": [a, b], "y": int(a + b + random.gauss(0, 0.05) > 1)} for a, b in rows]


def train_model(ti):
    rows = ti.xcom_pull(task_ids="prepare_data")[:200]
    weights, bias = [0.0, 0.0], 0.0
    for _ in range(200):
        for row in rows:
            guess = 1 / (1 + math.exp(-(weights[0] * row["x"][0] + weights[1] * row["x"][1] + bias)))
            error = row["y"] - guess
            weights = [w + 0.1 * error * x for w, x in zip(weights, row["x"], strict=True)]
            bias += 0.1 * error
    return {"weights": weights, "bias": bias}


def evaluate_model(ti):
    rows, model = ti.xcom_pull(task_ids="prepare_data")[200:], ti.xcom_pull(task_ids="train_model")
    score = lambda x: sum(w * v for w, v in zip(model["weights"], x, strict=True)) + model["bias"]  # noqa: E731
    right = sum((score(row["x"]) > 0) == bool(row["y"]) for row in rows)
    return {"accuracy": right / len(rows)}


def gate(ti):
    accuracy = ti.xcom_pull(task_ids="evaluate_model")["accuracy"]
    print(f"accuracy {accuracy:.3f}, threshold {THRESHOLD}")
    return "deploy_model" if accuracy > THRESHOLD else "reject_model"


with DAG(
    "model_gate",
    description="Train, evaluate, gate, deploy",
    schedule_interval="@weekly",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["example", "ml"],
) as dag:
    prepare = PythonOperator(task_id="prepare_data", python_callable=prepare_data)
    train = PythonOperator(task_id="train_model", python_callable=train_model)
    evaluate = PythonOperator(task_id="evaluate_model", python_callable=evaluate_model)
    decide = BranchPythonOperator(task_id="gate", python_callable=gate)
    deploy = PythonOperator(task_id="deploy_model", python_callable=lambda: print("deployed"))
    reject = PythonOperator(task_id="reject_model", python_callable=lambda: print("kept the old model"))
    prepare >> train >> evaluate >> decide >> [deploy, reject]
