"""What is kept with assets."""
