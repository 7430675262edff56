"""Why a file of the newest bundle gives no DAGs; the last good version keeps running."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantTable


class ImportError(TenantModel):
    """One row per broken file; gone with the push that mends it. `serial` is Airflow's integer id."""

    serial = models.BigIntegerField()
    filename = models.CharField(max_length=1000)
    kind = models.CharField(max_length=20)
    message = models.TextField()
    stacktrace = models.TextField()
    line = models.IntegerField(default=0)
    bundle_version = tenant_link("ledger.BundleVersion")
    timestamp = models.DateTimeField()

    class Meta:
        db_table = "import_error"
        indexes = [models.Index(fields=["tenant", "serial"], name="import_error_serial")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "filename"], name="import_error_file_uk"),
            TenantTable(name="import_error_wall"),
        ]
