"""The tenant's Git remote: where DAGs are fetched from, its webhook, what its host was told."""
