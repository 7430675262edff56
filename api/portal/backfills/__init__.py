"""Backfills, beyond what Airflow's API says of them."""
