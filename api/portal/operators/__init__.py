"""Doors of the platform's operators, who are apart from any tenant's members."""
