"""Django's Postgres backend, whose connections follow a password that changes (`ENGINE`)."""
