"""What tasks handed to each other."""
