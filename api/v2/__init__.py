"""The v2 door."""
