"""One tenant: its status, tokens, runtimes."""
