"""Scheduled reports: who asked for which, and what was made."""
