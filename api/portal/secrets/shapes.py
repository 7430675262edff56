"""What goes in and out of the operations on secret stores. Credentials only go in."""

from __future__ import annotations

from rest_framework import serializers


class StoreBody(serializers.Serializer[None]):
    """One store. Which fields a kind has, and what may be in them, says `controlplane.secrets.chain_settings`."""

    kind = serializers.CharField(
        help_text="embedded, vault, aws-secrets-manager, aws-parameter-store, google-secret-manager, azure-key-vault"
    )
    name = serializers.CharField(help_text="unique in the chain; `embedded` by default for that kind")
    address = serializers.CharField(required=False, help_text="vault: https://vault.example.com:8200")
    namespace = serializers.CharField(required=False, help_text="vault")
    ca_pem = serializers.CharField(
        required=False, help_text="vault: authorities to trust instead of the usual"
    )
    mount = serializers.CharField(required=False, help_text="vault: where KV version 2 is; `secret`")
    prefix = serializers.CharField(required=False, help_text="path before `connections/` and `variables/`")
    auth = serializers.CharField(required=False, help_text="vault: approle, kubernetes, token")
    auth_mount = serializers.CharField(required=False, help_text="vault: when not at its usual place")
    role_id = serializers.CharField(required=False, help_text="vault, approle")
    role = serializers.CharField(required=False, help_text="vault, kubernetes")
    region = serializers.CharField(required=False, help_text="aws")
    access_key_id = serializers.CharField(required=False, help_text="aws")
    project = serializers.CharField(required=False, help_text="google")
    client_email = serializers.CharField(required=False, help_text="google: the service account")
    vault_url = serializers.CharField(
        required=False, help_text="azure: https://<name>.vault.azure.net, or that of another cloud of Azure's"
    )
    tenant = serializers.CharField(required=False, help_text="azure: the directory's id")
    client_id = serializers.CharField(required=False, help_text="azure: the application's id")
    credentials = serializers.DictField(
        required=False,
        write_only=True,
        help_text="secret_id, jwt, token; secret_access_key and session_token; private_key; client_secret. "
        "Left out: those from before, "
        "while the store's address and login stay the same",
    )


class ChainBody(serializers.Serializer[None]):
    stores = StoreBody(many=True)
    version = serializers.IntegerField(min_value=0, help_text="as GET gave it: 412 when somebody was quicker")
    declared_only = serializers.BooleanField(
        default=False, help_text="tasks read only the connections and variables that their DAG declares"
    )


class StoreShape(StoreBody):
    credentials = None  # type: ignore[assignment]
    has_credentials = serializers.BooleanField()


class ChainShape(serializers.Serializer[None]):
    stores = StoreShape(many=True, help_text="asked in this order; the first that has the name answers")
    declared_only = serializers.BooleanField()
    version = serializers.IntegerField(help_text="0: the tenant has no chain of its own")
    updated_at = serializers.DateTimeField(allow_null=True)


class CheckShape(serializers.Serializer[None]):
    name = serializers.CharField()
    ok = serializers.BooleanField()
    code = serializers.CharField(allow_null=True, help_text="as the problem that a task's door would answer")
    message = serializers.CharField(allow_null=True)


class ChecksShape(serializers.Serializer[None]):
    stores = CheckShape(many=True)
