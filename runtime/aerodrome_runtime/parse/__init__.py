"""Loads one file of a bundle with Airflow's own importer and says what it holds, reads and gets wrong."""
