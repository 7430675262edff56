"""The one function that runs as its owner, as `cut_audit.sql` beside this file says it; docs/adr/0031."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "cut_audit.sql").read_text(encoding="utf-8"),
            "DROP FUNCTION app.cut_audit",
        )
    ]
