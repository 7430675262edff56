"""Who: tenants, people, memberships, tokens, scope, and the wall of row-level security."""
