"""Station 3: a DAG version and a reason become a run and its task rows."""
