"""Counts of runs."""
