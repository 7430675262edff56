"""The SQL operators that providers dropped, as the one that replaced them all with their old keyword for the
connection. Imported only when a file asks for one of them."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

_HINT = "from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator  # conn_id="


class _OldSql(SQLExecuteQueryOperator):  # type: ignore[misc]
    """`<database>_conn_id` becomes `conn_id`; `schema` and `database` go to the hook."""

    conn_keyword: ClassVar[str]
    conn_default: ClassVar[str]
    modern_spelling: ClassVar[str] = _HINT

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("conn_id", kwargs.pop(self.conn_keyword, None) or self.conn_default)
        settings = kwargs.pop("runtime_parameters", None)
        if settings:
            flags = " ".join(f"-c {name}={value}" for name, value in settings.items())
            kwargs.setdefault("hook_params", {})["options"] = flags
        for name in ("schema", "warehouse", "role", "authenticator", "session_parameters"):
            if name in kwargs:
                kwargs.setdefault("hook_params", {})[name] = kwargs.pop(name)
        super().__init__(**kwargs)


class PostgresOperator(_OldSql):
    conn_keyword = "postgres_conn_id"
    conn_default = "postgres_default"


class MySqlOperator(_OldSql):
    conn_keyword = "mysql_conn_id"
    conn_default = "mysql_default"


class SqliteOperator(_OldSql):
    conn_keyword = "sqlite_conn_id"
    conn_default = "sqlite_default"


class MsSqlOperator(_OldSql):
    conn_keyword = "mssql_conn_id"
    conn_default = "mssql_default"


class SnowflakeOperator(_OldSql):
    conn_keyword = "snowflake_conn_id"
    conn_default = "snowflake_default"


class JdbcOperator(_OldSql):
    conn_keyword = "jdbc_conn_id"
    conn_default = "jdbc_default"


class OracleOperator(_OldSql):
    conn_keyword = "oracle_conn_id"
    conn_default = "oracle_default"


class TrinoOperator(_OldSql):
    conn_keyword = "trino_conn_id"
    conn_default = "trino_default"


class VerticaOperator(_OldSql):
    conn_keyword = "vertica_conn_id"
    conn_default = "vertica_default"
