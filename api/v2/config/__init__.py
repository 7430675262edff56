"""Airflow's configuration, plugins, providers and jobs: what a managed platform says of them."""
