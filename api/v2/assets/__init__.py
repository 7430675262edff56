"""Assets, aliases, events and what is queued."""
