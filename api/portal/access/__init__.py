"""Who may do what in a tenant: roles, service accounts, tokens, grants."""
