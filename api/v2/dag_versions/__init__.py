"""Versions, source and tags of DAGs."""
