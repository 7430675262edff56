"""Airflow 2-era files run as written: what Airflow 3 moved or removed is put back, and each use is told."""
