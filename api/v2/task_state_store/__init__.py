"""What tasks keep for their later tries."""
