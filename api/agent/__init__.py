"""The agent door."""
