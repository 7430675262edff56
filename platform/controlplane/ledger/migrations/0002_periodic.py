"""Grants on the tables of django-celery-beat: schedules of the platform's own work are the scheduler's to read and change."""

from django.db import migrations

TABLES = ("clockedschedule", "crontabschedule", "intervalschedule", "periodictask", "periodictasks", "solarschedule")


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_functions"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.RunSQL(
            [
                f"{order} django_celery_beat_{table} {whom}"
                for table in TABLES
                for order, whom in (
                    ("REVOKE ALL ON", "FROM PUBLIC"),
                    ("GRANT SELECT, INSERT, UPDATE, DELETE ON", "TO aerodrome_sched"),
                )
            ],
            [f"REVOKE ALL ON django_celery_beat_{table} FROM aerodrome_sched" for table in TABLES],
        )
    ]
