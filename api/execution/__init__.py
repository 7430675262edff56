"""The execution door."""
