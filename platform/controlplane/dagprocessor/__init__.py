"""A bundle version becomes DAG versions: ordered from the tenant's runtime, stored by content."""
