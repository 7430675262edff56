"""Organisations: their name, tenants and people."""
