"""One content of a DAG. The same content is the same version, however often it is parsed."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class DagVersion(TenantModel):
    """`version_number` counts from 1 per DAG; `bundle_version` is the first bundle that had this content."""

    dag_row = tenant_link("ledger.Dag")
    dag_id = models.CharField(max_length=250)
    version_number = models.IntegerField()
    content_hash = models.CharField(max_length=64)
    spec = models.JSONField()
    """A `taskwire.dagspec.DagSpec`."""
    source = models.TextField(default="")
    """The DAG file as it stood, for the code view."""
    bundle_version = tenant_link("ledger.BundleVersion")
    created_at = models.DateTimeField()
    tells_success = models.BooleanField(db_default=False)
    """The DAG has an `on_success` callback."""
    tells_failure = models.BooleanField(db_default=False)
    dagrun_timeout_seconds = models.FloatField(null=True)
    fail_fast = models.BooleanField(db_default=False)
    """The first failure of a task stops the rest of its run."""
    has_deadlines = models.BooleanField(db_default=False)
    """It has a deadline, or a task of it an `sla`."""

    class Meta:
        db_table = "dag_version"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "dag_id", "version_number"], name="dag_version_number_uk"
            ),
            models.UniqueConstraint(fields=["tenant", "dag_id", "content_hash"], name="dag_version_hash_uk"),
            TenantTable(name="dag_version_wall"),
            TenantForeignKey(name="dag_version_dag_fk", column="dag_row_id", target="dag"),
        ]
