"""Django settings, read from the environment once, at start. The variables: docs/reference/configuration.md."""

from __future__ import annotations

from pathlib import Path

from controlplane.settings import environment as env

BASE_DIR = Path(__file__).resolve().parents[3]
DATA_DIR = Path(env.text("AERODROME_DATA", str(BASE_DIR / ".aerodrome")))
STORE_DIR = Path(env.text("AERODROME_STORE", str(DATA_DIR / "store")))
GIT_DIR = Path(env.text("AERODROME_GIT_DIR", str(DATA_DIR / "git")))
BASE_URL = env.text("AERODROME_BASE_URL", "http://127.0.0.1:8080")
GATEWAY_SOCKET = env.text("AERODROME_GATEWAY_SOCKET", str(DATA_DIR / "run" / "gateway.sock"))
AGENT_TOKEN_FILE = env.text("AERODROME_AGENT_TOKEN_FILE", str(DATA_DIR / "secrets" / "agent.token"))

BUNDLE_MAX_BYTES = env.integer("AERODROME_BUNDLE_MAX_BYTES", 200_000_000)
BUNDLE_MAX_FILES = env.integer("AERODROME_BUNDLE_MAX_FILES", 20_000)
BUNDLE_MAX_FILE_BYTES = env.integer("AERODROME_BUNDLE_MAX_FILE_BYTES", 105_000_000)
BUNDLE_MAX_RATIO = env.integer("AERODROME_BUNDLE_MAX_RATIO", 200)
GIT_MAX_BYTES = env.integer("AERODROME_GIT_MAX_BYTES", 2_000_000_000)
"""How large a tenant's repository, with all its history, may grow."""
GIT_NETWORKS = env.networks("AERODROME_GIT_NETWORKS")
"""Networks besides the Internet's own in which tenants' Git hosts may be."""
GIT_CA = env.text("AERODROME_GIT_CA", "")
STATEMENT_SECONDS = env.integer("AERODROME_STATEMENT_SECONDS", 30, least=1)
"""How long one statement of a person's request may take (`api/time_limit.py`)."""
PUSH_WAIT_SECONDS = env.integer("AERODROME_PUSH_WAIT_SECONDS", 20)
"""How long a push or an upload waits to tell what its files gave."""
MAX_MAP_LENGTH = env.integer("AERODROME_MAX_MAP_LENGTH", 1024, least=100)
"""Airflow's `[core] max_map_length`. Agents ask about lists longer than 100 only."""
XCOM_INLINE_BYTES = env.integer("AERODROME_XCOM_INLINE_BYTES", 1024 * 1024, least=1024)
"""XComs up to here are kept in their row."""
XCOM_MAX_BYTES = env.integer("AERODROME_XCOM_MAX_BYTES", 32 * 1024 * 1024, least=1024)
"""The largest XCom that is taken at all."""
XCOM_OVER_INLINE = env.choice("AERODROME_XCOM_OVER_INLINE", "spill", ("spill", "refuse"))
"""What becomes of one between the two."""
RUNTIME_AIRFLOW = env.text("AERODROME_RUNTIME_AIRFLOW", "3.3.2")
RUNTIME_AIRFLOWS = tuple(env.text("AERODROME_RUNTIME_AIRFLOWS", "").replace(",", " ").split())
"""Further Airflow versions that tenants may choose; each needs a lock in `runtime/locks`."""
RUNTIME_PYTHON = env.text("AERODROME_RUNTIME_PYTHON", "3.11")
AUDIT_CHECKPOINTS = env.text("AERODROME_AUDIT_CHECKPOINTS", str(DATA_DIR / "audit-checkpoints"))
"""A folder for signed checkpoints of the audit chains: on another volume than the database's."""
AUDIT_BUCKET = {
    "url": env.text("AERODROME_AUDIT_BUCKET", ""),
    "region": env.text("AERODROME_AUDIT_BUCKET_REGION", "us-east-1"),
    "endpoint": env.text("AERODROME_AUDIT_BUCKET_ENDPOINT", "") or None,
    "credentials": env.text("AERODROME_AUDIT_BUCKET_CREDENTIALS", "") or None,
    "lock_days": env.integer("AERODROME_AUDIT_BUCKET_LOCK_DAYS", 0, least=0),
}
"""Instead of the folder, where `url` is set."""
AUDIT_CHECKPOINT_SECONDS = env.integer("AERODROME_AUDIT_CHECKPOINT_SECONDS", 300, least=1)
"""A chain that moved is signed this often."""

SECRET_KEY = env.text("AERODROME_SECRET_KEY")
ENCRYPTION_KEY = env.text("AERODROME_ENCRYPTION_KEY")
"""32 bytes, base64: the key-encryption key of the embedded secret store."""
ENCRYPTION_KEYS_PREVIOUS = tuple(env.text("AERODROME_ENCRYPTION_KEYS_PREVIOUS", "").replace(",", " ").split())
"""Former ones: they only open, until `rotate_secrets` has run for every tenant."""
KEY_ENCRYPTION = env.choice("AERODROME_KEY_ENCRYPTION", "local", ("local", "transit"))
"""What wraps data keys: the key above, or the transit engine of the Vault below."""
VAULT = {
    "address": env.text("AERODROME_VAULT_ADDRESS", ""),
    "namespace": env.text("AERODROME_VAULT_NAMESPACE", ""),
    "ca_pem": env.text("AERODROME_VAULT_CA", ""),
    "mount": env.text("AERODROME_VAULT_TRANSIT_MOUNT", "transit"),
    "prefix": env.text("AERODROME_VAULT_TRANSIT_PREFIX", "aerodrome-"),
    "role_id": env.text("AERODROME_VAULT_ROLE_ID", ""),
    "secret_id": env.text("AERODROME_VAULT_SECRET_ID", ""),
    "role": env.text("AERODROME_VAULT_KUBERNETES_ROLE", ""),
    "jwt_file": env.text("AERODROME_VAULT_JWT_PATH", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
}
"""The platform's own Vault. Tenants' Vaults are rows (`controlplane.secrets.chain`)."""
SECRET_NETWORKS = env.networks("AERODROME_SECRET_NETWORKS")
"""Networks besides the Internet's own in which tenants' secret stores may be."""
TEST_CONNECTION = env.choice("AERODROME_TEST_CONNECTION", "Enabled", ("Enabled", "Disabled", "Hidden"))
"""Whether people may have connections tested, as Airflow's `[core] test_connection`."""
AWS_ENDPOINT = env.text("AERODROME_AWS_ENDPOINT", "")
"""Instead of the regions' own endpoints of Secrets Manager and Parameter Store: a gateway, or a test's server."""
GOOGLE_ENDPOINT = env.text("AERODROME_GOOGLE_ENDPOINT", "")
"""Instead of https://secretmanager.googleapis.com: a private endpoint, or a test's server."""
SIGNING_KEY = env.text("AERODROME_SIGNING_KEY")
"""Ed25519 private key, PEM: signs per-try tokens and API tokens."""
SIGNING_KEYS_PREVIOUS = env.text("AERODROME_SIGNING_KEYS_PREVIOUS", "")
"""Former ones, oldest first, as public keys in PEM: audit checkpoints that they signed still verify. Tokens do not."""

NOTIFY_NETWORKS = env.networks("AERODROME_NOTIFY_NETWORKS")
"""Networks besides the Internet's own in which receivers of tenants' notifications may be."""
OPERATOR_CHANNELS = env.channels("AERODROME_OPERATOR_CHANNELS")
"""Where the platform's own troubles are told, in the shape of tenants' channels."""
DAILY_BACKUPS = bool(env.text("AERODROME_BACKUP_FOLDER", ""))
"""Operators are told when the newest backup is old; without it from the first one on that was made."""
SMTP_URL = env.text("AERODROME_SMTP_URL", "")
"""`smtp://`, `smtp+starttls://` or `smtps://`; empty: no mails are sent."""
SMTP_OPTIONS = env.smtp("AERODROME_SMTP_URL")
MAIL_FROM = env.text("AERODROME_MAIL_FROM", "aerodrome@localhost")
SSO_NETWORKS = env.networks("AERODROME_SSO_NETWORKS")
"""Networks, beside the Internet's own, in which organisations' identity providers may be."""
SIGN_UP = env.choice("AERODROME_SIGN_UP", "open", ("open", "invited"))
"""Who may make an account: everybody, or whom a member invites."""
DELETION_GRACE_DAYS = env.integer("AERODROME_DELETION_GRACE_DAYS", 14, least=0)
"""How long the deletion of a tenant can be undone."""

DEBUG = False
ALLOWED_HOSTS = env.text("AERODROME_ALLOWED_HOSTS", "*").split(",")
ROOT_URLCONF = "api.urls"
WSGI_APPLICATION = "controlplane.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenants.User"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 128 * 1024 * 1024

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "drf_spectacular",
    "django_celery_beat",
    "tenants.guardian_models.WithoutGenericTables",
    "tenants",
    "controlplane.ledger",
    "api",
]
MIDDLEWARE = [
    "api.audit_trail.AuditMiddleware",  # the outermost: it records what went out
    "django.middleware.security.SecurityMiddleware",
    "api.rate.RateMiddleware",
    "api.problems.ProblemMiddleware",
    "api.time_limit.TimeLimitMiddleware",
]
TEMPLATES: list[dict[str, object]] = []
AUTH_PASSWORD_VALIDATORS: list[dict[str, object]] = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": env.integer("AERODROME_PASSWORD_LENGTH", 10, least=8)},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "email", "full_name")},
    },
]
PASSWORD_RESET_TIMEOUT = 3600
"""Seconds that links in mails about an account are good for."""
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]

_ENGINE = {"ENGINE": "controlplane.foundation.postgres", "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
DATABASES = {
    "default": {**_ENGINE, **env.postgres("AERODROME_DATABASE_URL")},
    "scheduler": {**_ENGINE, **env.postgres("AERODROME_DATABASE_SCHED_URL")},
    "auth": {**_ENGINE, **env.postgres("AERODROME_DATABASE_AUTH_URL")},
}
if env.text("AERODROME_DATABASE_OWNER_URL", ""):
    DATABASES["owner"] = {**_ENGINE, **env.postgres("AERODROME_DATABASE_OWNER_URL")}
"""`default` is the application's role, bound by row-level security; `scheduler` also sees the thin ledger of
every tenant; `auth` sees people, memberships and token hashes before a tenant is known; `owner` migrates and
is given to the migrate command only."""
DATABASE_ROLES = {"app": "aerodrome_app", "scheduler": "aerodrome_sched", "auth": "aerodrome_auth"}

GUARDIAN_MONKEY_PATCH_USER = GUARDIAN_MONKEY_PATCH_GROUP = False
ANONYMOUS_USER_NAME = None
MIGRATION_MODULES = {"guardian": None}
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
"""Of guardian only the models of a permission on one object are used (tenants/models/grant.py): its own tables,
which know no tenant, are never made, and nobody signs in through it."""

DATABASE_ROUTERS = ["controlplane.foundation.router.OneDatabase"]

_REDIS_URL, REDIS_USER = env.redis("AERODROME_REDIS_URL")
REDIS_PASSWORD_FILE = env.password_file("AERODROME_REDIS_URL")
"""Read for each new connection (`controlplane.foundation.redis_login`); empty: the address holds the password."""
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _REDIS_URL,
        "OPTIONS": {"pool_class": "controlplane.foundation.redis_login.Pool"},
    }
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Aerodrome portal API",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/portal/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [],
}
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "api.portal.schema.PortalSchema", "UNAUTHENTICATED_USER": None}
LOGGING_CONFIG = None
