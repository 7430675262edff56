"""What can be set from outside about secrets: what wraps data keys, and where tenants' own stores may be."""

from __future__ import annotations

from launcher.variable import Variable

SECRET_VARIABLES = (
    Variable(
        "AERODROME_ENCRYPTION_KEYS_PREVIOUS",
        "none",
        "Former key-encryption keys, separated by spaces: they only open. Needed until `manage.py rotate_secrets --all` "
        "has run with the new key. `AERODROME_ENCRYPTION_KEYS_PREVIOUS_FILE` names a file with them.",
        "control plane",
    ),
    Variable(
        "AERODROME_KEY_ENCRYPTION",
        "`local`",
        "What wraps the data keys of tenants: `local`, the encryption key; `transit`, a Vault's transit engine.",
        "control plane",
    ),
    Variable(
        "AERODROME_VAULT_ADDRESS",
        "none",
        "The platform's own Vault or OpenBao, for `AERODROME_KEY_ENCRYPTION=transit`. Tenants' Vaults are set in the API.",
        "control plane",
    ),
    Variable("AERODROME_VAULT_NAMESPACE", "none", "Namespace in that Vault.", "control plane"),
    Variable(
        "AERODROME_VAULT_CA_FILE",
        "the system's authorities",
        "File with the certificate authorities (PEM) of that Vault.",
        "control plane",
    ),
    Variable(
        "AERODROME_VAULT_TRANSIT_MOUNT", "`transit`", "Where its transit engine is mounted.", "control plane"
    ),
    Variable(
        "AERODROME_VAULT_TRANSIT_PREFIX",
        "`aerodrome-`",
        "Names of transit keys begin with it; the tenant's id follows.",
        "control plane",
    ),
    Variable(
        "AERODROME_VAULT_ROLE_ID", "none", "AppRole with which the platform logs in there.", "control plane"
    ),
    Variable("AERODROME_VAULT_SECRET_ID_FILE", "none", "File with the AppRole's secret id.", "control plane"),
    Variable(
        "AERODROME_VAULT_KUBERNETES_ROLE",
        "none: AppRole",
        "Role of Vault's Kubernetes auth with which the platform logs in instead.",
        "control plane",
    ),
    Variable(
        "AERODROME_VAULT_JWT_PATH",
        "`/var/run/secrets/kubernetes.io/serviceaccount/token`",
        "The service account's token for that, read anew at each login.",
        "control plane",
    ),
    Variable(
        "AERODROME_SECRET_NETWORKS",
        "none",
        "Networks besides the Internet's own in which tenants' secret stores may be: `10.1.0.0/16, 127.0.0.1/32`. "
        "Whoever may configure a tenant's stores can make the control plane connect there.",
        "control plane",
    ),
    Variable(
        "AERODROME_AWS_ENDPOINT",
        "the regions' own",
        "URL that is asked instead of AWS's own endpoints of Secrets Manager and Parameter Store.",
        "control plane",
    ),
    Variable(
        "AERODROME_GOOGLE_ENDPOINT",
        "Google's own",
        "Instead of https://secretmanager.googleapis.com: a private endpoint of Secret Manager.",
        "control plane",
    ),
)
