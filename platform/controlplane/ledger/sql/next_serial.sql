-- Purpose: the next small integer of one kind, counted per tenant.
-- Locks: one row of serial, until the transaction ends; take it last. Index: serial_name_uk. Bound: one row.
INSERT INTO serial (id, tenant_id, name, last)
VALUES (app.uuid7(), app.tenant(), %(name)s::text, 1)
ON CONFLICT (tenant_id, name) DO UPDATE SET last = serial.last + 1
RETURNING last
