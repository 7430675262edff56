"""What a running task asks of its supervisor: one table from the SDK's message type to what answers it."""
