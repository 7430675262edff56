"""One DAG, beyond what Airflow's API says of it."""
