"""Runs of DAGs: lists, one run, trigger, note."""
