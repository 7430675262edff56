"""Version and health: open to everybody, the same for every tenant."""
