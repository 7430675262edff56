"""Accounts: sign up, sign in, who am I."""
