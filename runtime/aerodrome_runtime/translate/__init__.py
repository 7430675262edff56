"""A real Airflow DAG object, told as a `taskwire.dagspec.DagSpec`. Only here are Airflow's classes known."""
