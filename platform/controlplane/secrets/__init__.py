"""Secrets of tenants: sealed at rest, opened only for the tenant and the row they were sealed for."""
