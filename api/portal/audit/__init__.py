"""The audit chain at the portal's door: search, export, streams to other places."""
