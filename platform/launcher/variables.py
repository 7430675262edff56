"""The table of everything that can be set from outside; ``docs/reference/configuration.md`` is made from it."""

from __future__ import annotations

from launcher.account_variables import ACCOUNT_VARIABLES
from launcher.backup_variables import BACKUP_VARIABLES
from launcher.password_variables import PASSWORD_VARIABLES
from launcher.secret_variables import SECRET_VARIABLES
from launcher.variable import Variable

VARIABLES = (
    Variable(
        "AERODROME_DATA",
        "root: `/var/lib/aerodrome/<checkout>-<hash>`; others: `.aerodrome` in the checkout",
        "The data folder: databases, keys, artefacts, logs. One stack runs per data folder.",
    ),
    Variable(
        "AERODROME_BIND",
        "`127.0.0.1:0`",
        "Address and port of the web server. Port 0 takes a free one and keeps it for the next start.",
        "launcher",
    ),
    Variable(
        "AERODROME_BASE_URL",
        "`http://<AERODROME_BIND>`",
        "How people and Git reach the web server, for links and remotes. Set it behind a proxy.",
        "launcher, control plane",
    ),
    Variable(
        "AERODROME_TOKEN",
        "none",
        "`./aerodrome validate --against` asks a tenant's API with it.",
        "launcher",
    ),
    Variable(
        "AERODROME_DATABASE_URL",
        "the embedded Postgres",
        "The application's connection: `postgresql://user:password@host:port/name?…`, a role that is neither "
        "owner nor superuser. Give all four database variables, or none. "
        "`./aerodrome prepare-database --admin-url URL` makes the roles and prints them.",
        "control plane",
    ),
    Variable(
        "AERODROME_DATABASE_OWNER_URL",
        "the embedded Postgres",
        "The owner's connection. Only the migrations get it.",
        "migrations",
    ),
    Variable(
        "AERODROME_DATABASE_SCHED_URL",
        "the embedded Postgres",
        "The schedulers' connection: also sees the thin ledger of every tenant.",
        "control plane",
    ),
    Variable(
        "AERODROME_DATABASE_AUTH_URL",
        "the embedded Postgres",
        "The sign-in connection: people, memberships and token hashes, before a tenant is known.",
        "control plane",
    ),
    Variable(
        "AERODROME_REDIS_URL",
        "the embedded Valkey",
        "Redis or Valkey: `redis://…`, `rediss://…` or `unix://:password@/path?db=0`.",
        "control plane",
    ),
    *PASSWORD_VARIABLES,
    Variable(
        "AERODROME_SECRET_KEY_FILE",
        "`<data>/secrets/secret-key`",
        "File with Django's secret key. Made at the first start, like every file in `secrets`.",
        "control plane",
    ),
    Variable(
        "AERODROME_ENCRYPTION_KEY_FILE",
        "`<data>/secrets/encryption-key`",
        "File with the key-encryption key of the embedded secret store: 32 bytes, base64. "
        "Without it, stored connections and variables cannot be read again: keep a copy apart.",
        "control plane",
    ),
    Variable(
        "AERODROME_WAL_ARCHIVE",
        "none",
        "Folder on another volume for the log of the embedded Postgres, a segment a minute, compressed: with it and a "
        "backup every later instant can be restored. See docs/runbooks/backup-and-restore.md.",
        "launcher",
    ),
    *BACKUP_VARIABLES,
    Variable(
        "AERODROME_AUDIT_CHECKPOINTS",
        "`audit-checkpoints` in the data folder",
        "Folder for the signed checkpoints of the audit chains. Put it on another volume than the database's, best one "
        "that only takes new files.",
        "control plane",
    ),
    Variable(
        "AERODROME_AUDIT_BUCKET",
        "none",
        "`s3://bucket/prefix`: the checkpoints go there instead of the folder. An object is put only where there is none.",
        "control plane",
    ),
    Variable(
        "AERODROME_AUDIT_BUCKET_REGION",
        "`us-east-1`",
        "The region of that bucket.",
        "control plane",
    ),
    Variable(
        "AERODROME_AUDIT_BUCKET_ENDPOINT",
        "the region's own",
        "URL of a store that speaks S3 and is not Amazon's.",
        "control plane",
    ),
    Variable(
        "AERODROME_AUDIT_BUCKET_CREDENTIALS",
        "what the machine has",
        "Access key id and secret for that bucket, with a space between. `AERODROME_AUDIT_BUCKET_CREDENTIALS_FILE` names "
        "a file with them.",
        "control plane",
    ),
    Variable(
        "AERODROME_AUDIT_BUCKET_LOCK_DAYS",
        "`0`",
        "Each checkpoint is locked in compliance mode for so many days: nobody can delete it. The bucket must have been "
        "made with object lock. `0` locks nothing.",
        "control plane",
    ),
    Variable(
        "AERODROME_SIGNING_KEYS_PREVIOUS",
        "none",
        "Former signing keys, oldest first, as public keys in PEM: audit checkpoints that they signed still verify; tokens "
        "do not. `AERODROME_SIGNING_KEYS_PREVIOUS_FILE` names a file with them.",
        "control plane",
    ),
    Variable(
        "AERODROME_AUDIT_CHECKPOINT_SECONDS",
        "`300`",
        "An audit chain that moved gets a checkpoint this often, and at once after 1,000 rows.",
        "control plane",
    ),
    *SECRET_VARIABLES,
    Variable(
        "AERODROME_NOTIFY_NETWORKS",
        "none",
        "Networks besides the Internet's own in which receivers of tenants' notifications may be: `10.1.0.0/16`. "
        "With any, addresses that begin with http:// are taken as well.",
        "control plane",
    ),
    Variable(
        "AERODROME_OPERATOR_CHANNELS",
        "none",
        "Where the platform tells its operators that the database, Redis, the scheduler or agents are away, or "
        "backups are old: a JSON list like "
        '`[{"kind": "pagerduty", "config": {"region": "us"}, "secret": {"routing_key": "…"}}]`.',
        "control plane",
    ),
    Variable(
        "AERODROME_SIGNING_KEY_FILE",
        "`<data>/secrets/signing-key.pem`",
        "File with the Ed25519 private key (PEM) that signs task and API tokens.",
        "control plane",
    ),
    Variable(
        "AERODROME_STORE",
        "`<data>/store`",
        "Folder for artefacts and task logs.",
        "control plane",
    ),
    Variable(
        "AERODROME_GIT_DIR",
        "`<data>/git`",
        "Folder for the tenants' bare Git repositories.",
        "control plane",
    ),
    Variable(
        "AERODROME_GATEWAY_SOCKET",
        "`<data>/run/gateway.sock`",
        "Unix socket on which the gateway answers agents.",
        "control plane",
    ),
    Variable(
        "AERODROME_AGENT_SOCKET",
        "the gateway's socket",
        "Unix socket on which the agent reaches the gateway.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_URL",
        "none: the socket is used",
        "Base URL of the gateway for an agent on another machine.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_EXECUTION_URL",
        "`<AERODROME_BASE_URL>/execution`",
        "Base URL of the Task Execution API, for the Task SDK in a tenant's runtime.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_TOKEN_FILE",
        "`<data>/secrets/agent.token`",
        "File with the token by which the agent and the gateway know each other.",
        "control plane, agent",
    ),
    Variable(
        "AERODROME_AGENT_SLOTS",
        "twice the processors, at least 4",
        "How many tasks the agent runs at once.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_TRIGGERS",
        "1000",
        "How many triggers of deferred tasks the agent holds at most.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_NAME",
        "the host's name",
        "The agent's name in the ledger and the portal.",
        "agent",
    ),
    Variable(
        "AERODROME_AGENT_DIR",
        "`<data>/agent`",
        "The agent's folder: tenant runtimes, unpacked bundles, homes of tasks.",
        "agent",
    ),
    Variable(
        "AERODROME_TASK_NETWORK",
        "`none`",
        "What network a task sees: `none` (a loopback of its own) or `host` (the machine's).",
        "agent",
    ),
    Variable(
        "AERODROME_MAIL_RELAY",
        "`public`",
        "Where the agent sends mails for tasks that have no network, through the tenant's own SMTP connection: "
        "`public` (only to servers with public addresses), `any`, or `off`.",
        "agent",
    ),
    Variable(
        "AERODROME_CONNECTION_TEST_NETWORKS",
        "none",
        "Networks besides public addresses that tests of connections may reach: `10.20.0.0/16, 192.0.2.7/32`.",
        "agent",
    ),
    Variable(
        "AERODROME_TEST_CONNECTION",
        "`Enabled`",
        "Whether people may have connections tested, as Airflow's `[core] test_connection`: `Enabled`, `Disabled` or "
        "`Hidden`.",
        "control plane",
    ),
    Variable(
        "AERODROME_PREPARE",
        "`true`",
        "`false` keeps the control plane from preparing statements: needed behind a transaction pooler that "
        "cannot follow them.",
        "control plane",
    ),
    Variable(
        "AERODROME_STATEMENT_SECONDS",
        "`30`",
        "How long one statement of a person's request may take in the database; one of a request that changes "
        "something ten times as long. The request then gets `took-too-long`.",
        "control plane",
    ),
    Variable(
        "AERODROME_ALLOWED_HOSTS",
        "`*`",
        "Host names the web server answers to, separated by commas. Set it where people reach it directly.",
        "control plane",
    ),
    Variable(
        "AERODROME_RUNTIME_AIRFLOW",
        "`3.3.2`",
        "The Airflow version of a new tenant's runtime; it needs a lock in `runtime/locks`.",
        "control plane",
    ),
    Variable(
        "AERODROME_RUNTIME_AIRFLOWS",
        "none",
        "Further Airflow versions that tenants may choose, separated by commas; each needs a lock in "
        "`runtime/locks`.",
        "control plane",
    ),
    Variable(
        "AERODROME_RUNTIME_PYTHON",
        "`3.11`",
        "The Python version of a new tenant's runtime.",
        "control plane",
    ),
    Variable(
        "AERODROME_GIT_NETWORKS",
        "none",
        "Networks besides the Internet's own in which tenants' Git hosts may be, separated by commas: "
        "`10.1.0.0/16`.",
        "control plane",
    ),
    Variable(
        "AERODROME_GIT_CA",
        "none",
        "Certificate authorities (PEM) of tenants' Git hosts, besides the system's; a file with them is named by "
        "`AERODROME_GIT_CA_FILE`.",
        "control plane",
    ),
    Variable(
        "AERODROME_PUSH_WAIT_SECONDS",
        "`20`",
        "How long `git push` waits for the parse's result before it says that it goes on.",
        "control plane",
    ),
    Variable(
        "AERODROME_MAX_MAP_LENGTH",
        "`1024`",
        "How long a value may be that tasks are mapped over (Airflow's `[core] max_map_length`); at least 100. "
        "A task that returns a longer one fails.",
        "control plane",
    ),
    Variable(
        "AERODROME_XCOM_INLINE_BYTES",
        "`1048576`",
        "Bytes of JSON of the largest XCom in the database; `AERODROME_STORE` keeps larger ones as objects.",
        "control plane",
    ),
    Variable(
        "AERODROME_XCOM_MAX_BYTES",
        "`33554432`",
        "Bytes of the largest XCom that is taken at all. A task that pushes a larger one fails and says so.",
        "control plane",
    ),
    Variable(
        "AERODROME_XCOM_OVER_INLINE",
        "`spill`",
        "`spill` keeps an XCom above `AERODROME_XCOM_INLINE_BYTES` as an object, `refuse` refuses it.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_BYTES",
        "`200000000`",
        "The largest bundle, unpacked, in bytes.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_FILES",
        "`20000`",
        "The most files in a bundle.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_FILE_BYTES",
        "`105000000`",
        "The largest file in a bundle, in bytes.",
        "control plane",
    ),
    Variable(
        "AERODROME_BUNDLE_MAX_RATIO",
        "`200`",
        "How many times larger than packed a bundle may unpack to: a bound on archive bombs.",
        "control plane",
    ),
    Variable(
        "AERODROME_GIT_MAX_BYTES",
        "`2000000000`",
        "How large a tenant's Git repository, with all its history, may grow, in bytes.",
        "control plane",
    ),
    Variable(
        "AERODROME_WEB_WORKERS",
        "`2`",
        "Worker processes of the web server.",
        "launcher",
    ),
    Variable(
        "AERODROME_LOG_LEVEL",
        "`INFO`",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    ),
    Variable(
        "AERODROME_PYTHON",
        "the first of `python3`, `python3.13` … `python3.11` on the PATH that is 3.11 or newer",
        "The Python from which `./aerodrome` makes its environment.",
        "launcher",
    ),
    Variable(
        "AERODROME_UV",
        "the one in `.venv`",
        "The `uv` program with which tenants' runtimes are built.",
        "agent",
    ),
    *ACCOUNT_VARIABLES,
)
