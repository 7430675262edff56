"""What goes in and out of the operations on a tenant's Git remote. Credentials go in and never come out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.portal.pages import PageShape
from controlplane.bundles.app_tokens import AppKeyInvalid, read_key
from controlplane.bundles.fetch import KnownHostsInvalid, read_known_hosts
from controlplane.bundles.names import clean_name
from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.remote_address import AddressInvalid, check_ref, read_address

KINDS = ("github", "gitlab", "bitbucket", "gitea", "other")
AUTHS = ("none", "token", "key", "app")
SECRETS = ("password", "key", "app_id", "installation_id")
_NEEDED = {"none": (), "token": ("password",), "key": ("key",), "app": ("app_id", "installation_id", "key")}


class RemoteBody(serializers.Serializer[None]):
    url = serializers.CharField(max_length=1000)
    host_kind = serializers.ChoiceField(KINDS, required=False, help_text="By default from the host's name")
    ref_kind = serializers.ChoiceField(("branch", "tag"), default="branch")
    ref = serializers.CharField(max_length=255, default="main")
    folder = serializers.CharField(
        max_length=1000, allow_blank=True, default="", help_text="Only what lies in it"
    )
    auth = serializers.ChoiceField(AUTHS, default="none")
    login = serializers.CharField(max_length=200, allow_blank=True, default="")
    password = serializers.CharField(max_length=4096, required=False, write_only=True, trim_whitespace=False)
    key = serializers.CharField(max_length=16_384, required=False, write_only=True, trim_whitespace=False)
    app_id = serializers.CharField(max_length=100, required=False, write_only=True)
    installation_id = serializers.RegexField(r"^[0-9]{1,20}$", required=False, write_only=True)
    known_hosts = serializers.CharField(max_length=16_384, allow_blank=True, default="")
    poll_seconds = serializers.IntegerField(min_value=30, max_value=86_400, default=300)
    writes_statuses = serializers.BooleanField(default=False)

    def validate_url(self, value: str) -> str:
        try:
            return read_address(value).text
        except AddressInvalid as error:
            raise serializers.ValidationError(str(error)) from error

    def validate_ref(self, value: str) -> str:
        try:
            return check_ref(value)
        except AddressInvalid as error:
            raise serializers.ValidationError(str(error)) from error

    def validate_folder(self, value: str) -> str:
        if not value.strip("/"):
            return ""
        try:
            return clean_name(value.strip("/"))
        except BundleRefused as error:
            raise serializers.ValidationError(str(error)) from error

    def validate_known_hosts(self, value: str) -> str:
        try:
            read_known_hosts(value)
        except KnownHostsInvalid as error:
            raise serializers.ValidationError(str(error)) from error
        return value

    def validate_login(self, value: str) -> str:
        if not value.isprintable():
            raise serializers.ValidationError("must be printable")
        return value

    def validate_password(self, value: str) -> str:
        if not value.isprintable():
            raise serializers.ValidationError("must be one printable line")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        auth = attrs["auth"]
        given = [name for name in SECRETS if name in attrs]
        unfit = [name for name in given if name not in _NEEDED[auth]]
        if unfit:
            raise serializers.ValidationError({unfit[0]: [f"does not go with auth {auth!r}"]})
        missing = [name for name in _NEEDED[auth] if name not in attrs]
        if given and missing:
            raise serializers.ValidationError({missing[0]: [f"is needed with auth {auth!r}"]})
        is_ssh = attrs["url"].startswith("ssh://")
        if auth == "key":
            if not is_ssh:
                raise serializers.ValidationError({"auth": ["a deploy key goes with an ssh:// address"]})
            if not read_known_hosts(attrs["known_hosts"]):
                raise serializers.ValidationError(
                    {"known_hosts": ["name the host's own key: nobody is trusted"]}
                )
            if "key" in attrs and "PRIVATE KEY-----" not in attrs["key"]:
                raise serializers.ValidationError({"key": ["is not a private key as ssh-keygen writes it"]})
        elif is_ssh:
            raise serializers.ValidationError({"auth": ["an ssh:// address needs a deploy key"]})
        if auth == "app" and "key" in attrs:
            try:
                read_key(attrs["key"])
            except AppKeyInvalid as error:
                raise serializers.ValidationError({"key": [str(error)]}) from error
        return attrs


class RemoteShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    url = serializers.CharField()
    host_kind = serializers.ChoiceField(KINDS)
    ref_kind = serializers.CharField()
    ref = serializers.CharField()
    folder = serializers.CharField()
    auth = serializers.ChoiceField(AUTHS)
    login = serializers.CharField()
    has_credential = serializers.BooleanField()
    known_hosts = serializers.CharField()
    poll_seconds = serializers.IntegerField()
    writes_statuses = serializers.BooleanField()
    webhook_url = serializers.CharField()
    has_webhook_secret = serializers.BooleanField()
    state = serializers.CharField(help_text="new, ok, refused, failing")
    message = serializers.CharField()
    failures = serializers.IntegerField()
    last_commit = serializers.CharField()
    last_fetched_at = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WebhookSecretShape(serializers.Serializer[None]):
    webhook_url = serializers.CharField()
    secret = serializers.CharField(help_text="Shown once")


class StatusToldShape(serializers.Serializer[None]):
    commit_sha = serializers.CharField()
    state = serializers.CharField()
    description = serializers.CharField()
    tries = serializers.IntegerField()
    message = serializers.CharField()
    created_at = serializers.DateTimeField()
    told_at = serializers.DateTimeField(allow_null=True)
    given_up = serializers.BooleanField()


class StatusesToldShape(PageShape):
    statuses = StatusToldShape(many=True)
