"""Single sign-on: an organisation's identity providers, and signing in through them."""
