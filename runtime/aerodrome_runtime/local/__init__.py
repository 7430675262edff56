"""A DAG run on its author's machine: no stack, no jail, nothing left behind."""
