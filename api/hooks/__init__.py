"""The hooks door."""
