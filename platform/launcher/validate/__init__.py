"""A bundle's verdict before it is pushed: the server's own, and what only a look at the source can tell."""
