-- Purpose: the address of this tenant, for links. Locks: none. Index: primary key. Bound: 1 row. Rows out: (slug, name).
SELECT slug, name FROM tenant WHERE id = (SELECT app.tenant())
