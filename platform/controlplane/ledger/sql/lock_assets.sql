-- Purpose: one writer of assets and their events per tenant at a time: numbers and instants of events follow the
-- order of their commits. Taken after everything else that the transaction locks, and never by the scheduler.
-- Locks: one row of serial, until the transaction ends. Index: serial_name_uk. Bound: one row.
INSERT INTO serial (id, tenant_id, name, last) VALUES (app.uuid7(), app.tenant(), 'asset', 0)
ON CONFLICT (tenant_id, name) DO UPDATE SET last = serial.last
