"""Archives of a tenant, for its Owners."""
