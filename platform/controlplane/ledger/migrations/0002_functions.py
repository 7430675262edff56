"""The ledger's SQL functions, as `functions.sql` beside this file says them."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "functions.sql").read_text(encoding="utf-8"),
            "DROP FUNCTION app.decide; DROP FUNCTION app.uuid7()",
        )
    ]
