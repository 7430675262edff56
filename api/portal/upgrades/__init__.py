"""Airflow versions side by side: which are offered, what an upgrade would change."""
