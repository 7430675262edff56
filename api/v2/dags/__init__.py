"""DAGs: the list, one DAG, its details; pause and resume."""
