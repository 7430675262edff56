"""What tasks ask people, and their answers."""
