"""Signing in to one tenant: `/t/<slug>/auth/token`."""
