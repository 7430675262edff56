-- Purpose: a person (or a task in their name) changes runs by hand: no scheduler is in the middle of a round for
-- this tenant, nor anybody else at such a change, until this commits. What is pending is then pending for sure.
-- Locks: a transaction-scoped advisory lock of this tenant, which every round holds shared (check_lease.sql).
-- Taken before any row.
SELECT pg_advisory_xact_lock(hashtextextended('rounds:' || (SELECT app.tenant())::text, 0))
