"""SCIM 2.0: identity providers provision an organisation's people and groups."""
