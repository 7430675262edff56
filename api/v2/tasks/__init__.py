"""The tasks of a DAG as its newest version declares them."""
