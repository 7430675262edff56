"""What a tenant may use at most: the published list, what holds for one tenant, and who changes it."""
