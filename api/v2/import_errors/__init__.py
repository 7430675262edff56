"""Import errors and DAG warnings."""
