"""What a tenant may say of its secret stores, checked. Credentials go in and never come out.

A store keeps its credentials over a change only while where they are sent to stays the same: otherwise whoever may
edit the chain could have them sent to an address of their own.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

MOST_STORES = 8


def _no_way_out(value: str) -> str:
    if any(step in (".", "..") for step in value.split("/")):
        raise ValueError("must not have the steps `.` or `..`")
    return value


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Path = Annotated[
    str, Field(max_length=200, pattern=r"^[\w.@ -]+(/[\w.@ -]+)*$|^$"), AfterValidator(_no_way_out)
]


class ChainInvalid(ValueError):
    """`errors`: {"field", "message"} per mistake; none repeats what was given."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{each['field']}: {each['message']}" for each in errors))
        self.errors = errors


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class EmbeddedSettings(_Strict):
    """The platform's own encrypted tables."""

    kind: Literal["embedded"]
    name: Name = "embedded"


class VaultSettings(_Strict):
    """Vault or OpenBao: KV version 2 at `mount`, below `prefix`."""

    kind: Literal["vault"]
    name: Name
    address: Annotated[str, Field(max_length=500)]
    namespace: Annotated[str, Field(max_length=200)] = ""
    ca_pem: Annotated[str, Field(max_length=65536)] = ""
    mount: Path = "secret"
    prefix: Path = ""
    auth: Literal["approle", "kubernetes", "token"] = "approle"
    auth_mount: Path = ""
    role_id: Annotated[str, Field(max_length=200)] = ""
    role: Annotated[str, Field(max_length=200)] = ""

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be like https://vault.example.com:8200")
        if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"):
            raise ValueError("must be scheme, host and port only")
        return value.rstrip("/")

    @field_validator("ca_pem")
    @classmethod
    def _ca(cls, value: str) -> str:
        try:
            if value:
                ssl.create_default_context(cadata=value)
        except (ssl.SSLError, ValueError):
            raise ValueError("is no certificate in PEM") from None
        return value


class _AwsSettings(_Strict):
    name: Name
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    prefix: Path = "airflow"
    access_key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{16,128}$")]


class SecretsManagerSettings(_AwsSettings):
    """AWS Secrets Manager: `<prefix>/connections/<id>` and `<prefix>/variables/<key>`."""

    kind: Literal["aws-secrets-manager"]


class ParameterStoreSettings(_AwsSettings):
    """AWS Systems Manager Parameter Store: the same names, with a slash before."""

    kind: Literal["aws-parameter-store"]


class GoogleSettings(_Strict):
    """Google Cloud Secret Manager: `<prefix>-connections-<id>` and `<prefix>-variables-<key>`."""

    kind: Literal["google-secret-manager"]
    name: Name
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
    prefix: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9_-]*$")] = "airflow"
    client_email: Annotated[str, Field(max_length=200, pattern=r"^[\w.-]+@[\w.-]+\.gserviceaccount\.com$")]


class AzureSettings(_Strict):
    """Azure Key Vault: the same names, with hyphens for underscores."""

    kind: Literal["azure-key-vault"]
    name: Name
    vault_url: Annotated[
        str,
        Field(
            pattern=r"^https://[a-z0-9][a-z0-9-]{1,22}[a-z0-9]"
            r"\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net)$"
        ),
    ]
    prefix: Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z0-9-]*$")] = "airflow"
    tenant: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    client_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


Settings = (
    EmbeddedSettings
    | VaultSettings
    | SecretsManagerSettings
    | ParameterStoreSettings
    | GoogleSettings
    | AzureSettings
)
_SETTINGS: TypeAdapter[Settings] = TypeAdapter(Annotated[Settings, Field(discriminator="kind")])

_CREDENTIALS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "embedded": (frozenset(), frozenset()),
    "approle": (frozenset({"secret_id"}), frozenset()),
    "kubernetes": (frozenset({"jwt"}), frozenset()),
    "token": (frozenset({"token"}), frozenset()),
    "aws-secrets-manager": (frozenset({"secret_access_key"}), frozenset({"session_token"})),
    "aws-parameter-store": (frozenset({"secret_access_key"}), frozenset({"session_token"})),
    "google-secret-manager": (frozenset({"private_key"}), frozenset()),
    "azure-key-vault": (frozenset({"client_secret"}), frozenset()),
}
"""Way in -> credentials that it needs, and may have."""
_MOVABLE = frozenset({"name", "mount", "prefix"})
"""Settings that may change without new credentials: they go to the same place."""


@dataclass(frozen=True)
class ChainGiven:
    """A chain that holds together: public settings in order, and credentials by the store's name."""

    stores: list[dict[str, Any]]
    credentials: dict[str, dict[str, str]]


def read_chain_settings(
    given: Any,
    *,
    held: Sequence[Mapping[str, Any]],
    held_credentials: Mapping[str, dict[str, str]],
    plain_http: bool,
) -> ChainGiven:
    """`given`: a list of stores, each its settings and perhaps `credentials`. `held`: the chain until now.
    `plain_http`: whether addresses without TLS may be given. Raises ChainInvalid."""
    if not isinstance(given, list):
        raise ChainInvalid([{"field": "stores", "message": "must be a list"}])
    if len(given) > MOST_STORES:
        raise ChainInvalid([{"field": "stores", "message": f"at most {MOST_STORES} stores"}])
    errors: list[dict[str, str]] = []
    stores, credentials = [], {}
    before = {store["name"]: store for store in held}
    for place, one in enumerate(given):
        field = f"stores.{place}"
        if not isinstance(one, dict):
            errors.append({"field": field, "message": "must be an object"})
            continue
        given_credentials = one.get("credentials")
        try:
            settings = _SETTINGS.validate_python({k: v for k, v in one.items() if k != "credentials"})
        except ValidationError as error:
            errors += [
                {
                    "field": ".".join([field, *map(str, each["loc"][1:])]),
                    "message": each["msg"].removeprefix("Value error, "),
                }
                for each in error.errors(include_input=False, include_url=False, include_context=False)
            ]
            continue
        store = settings.model_dump(mode="json")
        errors += _login_errors(store, field, plain_http)
        kept = None
        if (old := before.get(store["name"])) is not None and _goes_to(old) == _goes_to(store):
            kept = held_credentials.get(store["name"])
        found, wrong = _credentials(store, given_credentials, kept, f"{field}.credentials")
        errors += wrong
        if store["name"] in {other["name"] for other in stores}:
            errors.append({"field": f"{field}.name", "message": "another store has this name"})
        stores.append(store)
        if found:
            credentials[store["name"]] = found
    if sum(store["kind"] == "embedded" for store in stores) > 1:
        errors.append({"field": "stores", "message": "`embedded` can be there once"})
    if errors:
        raise ChainInvalid(errors)
    return ChainGiven(stores=stores, credentials=credentials)


def _login_errors(store: Mapping[str, Any], field: str, plain_http: bool) -> list[dict[str, str]]:
    if store["kind"] != "vault":
        return []
    errors = []
    if store["address"].startswith("http://") and not plain_http:
        errors.append({"field": f"{field}.address", "message": "must be https: secrets would go in clear"})
    needed = {"approle": "role_id", "kubernetes": "role"}.get(store["auth"])
    if needed and not store[needed]:
        errors.append({"field": f"{field}.{needed}", "message": f"is needed to log in with {store['auth']}"})
    return errors


def _credentials(
    store: Mapping[str, Any], given: Any, kept: dict[str, str] | None, field: str
) -> tuple[dict[str, str], list[dict[str, str]]]:
    needed, possible = _CREDENTIALS[store["auth"] if store["kind"] == "vault" else store["kind"]]
    if given is None:
        if kept is not None:
            return dict(kept), []
        if not needed:
            return {}, []
        why = (
            f"{' and '.join(sorted(needed))} must be given: the store is new, or its address or login changed"
        )
        return {}, [{"field": field, "message": why}]
    if not isinstance(given, dict):
        return {}, [{"field": field, "message": "must be an object"}]
    errors = [
        {"field": f"{field}.{_shown(name)}", "message": "is not one of this login's credentials"}
        for name in given
        if name not in needed | possible
    ]
    found = {}
    for name in sorted(needed | possible):
        value = given.get(name)
        if value is None and name in possible:
            continue
        if name == "private_key":
            if not _is_private_key(value):
                told = "must be the service account's private key, in PEM"
                errors.append({"field": f"{field}.{name}", "message": told})
                continue
            found[name] = value
        elif not isinstance(value, str) or not 1 <= len(value) <= 8192 or not value.isprintable():
            errors.append({"field": f"{field}.{name}", "message": "must be a text of 1 to 8192 characters"})
        else:
            found[name] = value
    return found, errors


def _is_private_key(value: Any) -> bool:
    try:
        found = load_pem_private_key(value.encode("ascii"), password=None) if len(value) <= 8192 else None
    except (AttributeError, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(found, RSAPrivateKey)


def _goes_to(store: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in store.items() if name not in _MOVABLE}


def _shown(name: Any) -> str:
    return re.sub(r"[^\w-]", "_", str(name))[:40]
