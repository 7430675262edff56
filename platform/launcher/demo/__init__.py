"""The walk that ``./aerodrome demo`` shows: sign up, push, watch every task, print the table."""
