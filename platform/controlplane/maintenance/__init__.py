"""Anything silent is found: rescue, prune."""
