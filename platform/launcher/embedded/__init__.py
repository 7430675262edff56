"""The servers that the launcher can bring along itself: Postgres and Valkey, from their wheels."""
