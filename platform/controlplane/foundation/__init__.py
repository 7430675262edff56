"""What everything stands on: clock, database access, notifications, service skeleton, events, logging."""
