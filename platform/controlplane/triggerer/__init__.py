"""Triggers that need a process: given to agents, heard, moved when their agent is gone. No tenant code runs here."""
