"""What single sign-on says no with, whichever protocol was spoken."""

from __future__ import annotations


class SignOnRefused(Exception):
    """The answer of the provider, or of whoever pretends to be it, is not accepted."""
