"""What can be set from outside about daily backups and their copies."""

from __future__ import annotations

from launcher.variable import Variable

BACKUP_VARIABLES = (
    Variable(
        "AERODROME_BACKUP_FOLDER",
        "none",
        "Folder on another volume, which must be there: `up` puts a backup into it each day, and operators are told when "
        "the newest is older than 26 hours. A Postgres of your own needs a timer. See docs/runbooks/backup-and-restore.md.",
    ),
    Variable(
        "AERODROME_BACKUP_HOUR", "`2`", "The hour (UTC) from which a new day's backup is made.", "launcher"
    ),
    Variable("AERODROME_BACKUP_KEEP", "`7`", "How many daily backups are kept in that folder.", "launcher"),
    Variable(
        "AERODROME_BACKUP_COPY",
        "none",
        "`s3://bucket/prefix` in another place: each backup is copied there, read back and compared; it counts only then.",
        "launcher",
    ),
    Variable("AERODROME_BACKUP_COPY_REGION", "`us-east-1`", "The region of that bucket.", "launcher"),
    Variable(
        "AERODROME_BACKUP_COPY_ENDPOINT",
        "the region's own",
        "URL of a store that speaks S3 and is not Amazon's.",
        "launcher",
    ),
    Variable(
        "AERODROME_BACKUP_COPY_CREDENTIALS_FILE",
        "what the machine has",
        "File with access key id and secret for that bucket, a space between them; for the process that makes backups only.",
        "launcher",
    ),
)
