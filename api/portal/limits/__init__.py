"""Limits: what holds for a tenant, its own ones, paced pools; plans and overrides for operators."""
