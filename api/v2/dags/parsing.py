"""PUT /parseDagFile/{file_token}: another look at a file, asked for with the token that a DAG's answer has."""

from __future__ import annotations

from typing import Any

from django.core import signing

from api.v2.dags.shape import TOKEN_SALT
from api.v2.operation import Call, Reply, operation
from api.v2.refusals import not_found
from controlplane.bundles.reparse import FileUnknown, parse_again
from controlplane.ledger.models.dag import Dag


@operation("dags.edit", event="reparse_dag_file")
def reparse_dag_file(call: Call, file_token: str) -> Any:
    """The file of the newest bundle version is parsed again."""
    try:
        path = signing.loads(file_token, salt=TOKEN_SALT)["relative_fileloc"]
    except (signing.BadSignature, KeyError, TypeError) as error:
        raise not_found("File not found") from error
    if not Dag.objects.filter(relative_fileloc=path).exists():
        raise not_found("File not found")
    try:
        parse_again(path=path, now=call.now)
    except FileUnknown as error:
        raise not_found("File not found") from error
    return Reply(201)
