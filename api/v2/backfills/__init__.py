"""/backfills."""
