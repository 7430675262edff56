"""Task instances: lists, one instance, its tries."""
