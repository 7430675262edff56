"""Empties the database between two tests: only tables that hold rows, without firing keys or triggers."""

from __future__ import annotations

from typing import Any

EMPTY = """
DO $$
DECLARE
  item record;
  full_table boolean;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR item IN
    SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'
      AND c.relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', item.name) INTO full_table;
    IF full_table THEN
      EXECUTE format('DELETE FROM %s', item.name);
    END IF;
  END LOOP;
END $$
"""


def empty(superuser: Any) -> None:
    """`superuser`: a driver connection in autocommit, of the superuser: only they see every tenant's rows."""
    with superuser.cursor() as cursor:
        cursor.execute(EMPTY)
