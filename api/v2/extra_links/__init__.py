"""Links that operators give."""
