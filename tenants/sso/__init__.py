"""Single sign-on: an organisation's own identity provider vouches for its people, in its own tenants alone."""
