"""How long a tenant keeps what has ended."""
