"""Runs with a tenant runtime's Python: holds Airflow's Task SDK imported and warm, and forks on order."""
