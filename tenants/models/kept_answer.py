"""What was answered to requests with an `Idempotency-Key`, so that the same request again gets the same answer."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class KeptAnswer(TenantModel):
    """`owner`: a person's id, or the name of an API token. `sealed` is the answer's body, in an envelope bound to its
    row: answers may hold what is shown once."""

    owner = models.CharField(max_length=250)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    """SHA-256 of method, path and body of the request."""
    status = models.SmallIntegerField()
    sealed = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "kept_answer"
        indexes = [models.Index(fields=["tenant", "expires_at"], name="kept_answer_expiry")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "owner", "key"], name="kept_answer_key_uk"),
            TenantTable(name="kept_answer_wall"),
        ]
