-- Purpose: the row ids of DAGs by name. Locks: none. Index: dag_dag_id_uk.
SELECT id FROM dag WHERE tenant_id = (SELECT app.tenant()) AND dag_id = ANY(%(dag_ids)s::text[])
