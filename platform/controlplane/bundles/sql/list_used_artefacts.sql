-- Purpose: which of these artefacts some tenant has a bundle of. Thin ledger: of all tenants. Locks: none.
-- Index: artefact_use_digest. Bound: the array. Rows out: (digest).
SELECT DISTINCT digest FROM artefact_use WHERE digest = ANY(%(digests)s::text[])
