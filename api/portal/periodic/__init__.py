"""Periodic work of the platform, for its operators."""
