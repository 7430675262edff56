"""What is true: tables, SQL, and the only writer of run and task state."""
