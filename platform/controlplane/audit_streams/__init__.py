"""Audit chains that moved are visited: signed (`visit.py`), and sent to where tenants want them (`deliver.py`)."""
