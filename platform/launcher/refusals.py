"""The errors that are meant for people: their message is the whole answer, a traceback would only hide it."""

from __future__ import annotations

import psycopg2

from launcher.backups.database_copies import CopyFailed
from launcher.backups.keys import KeysUnusable
from launcher.backups.manifest import BackupUnusable, BucketFailed, CopyNotMade
from launcher.backups.put_back import TargetNotEmpty
from launcher.commands.test import RuntimeNotBuilt
from launcher.data_folder import FolderInUse
from launcher.detached import StackDidNotStart
from launcher.embedded.accounts import FolderOutOfReach
from launcher.embedded.binaries import PostgresMissing
from launcher.embedded.postgres import ClusterUnusable
from launcher.embedded.roles import RoleTooStrong, ServerTooOld
from launcher.embedded.sockets import SocketFolderTaken
from launcher.embedded.valkey import ValkeyMissing
from launcher.lock_files import LockNotMade
from launcher.ports import PortTaken
from launcher.processes import ProcessFailed
from launcher.secret_files import SecretFileExposed
from launcher.settings import SettingWrong

REFUSALS = (
    BackupUnusable,
    BucketFailed,
    ClusterUnusable,
    CopyFailed,
    CopyNotMade,
    FolderInUse,
    FolderOutOfReach,
    KeysUnusable,
    LockNotMade,
    PortTaken,
    PostgresMissing,
    ProcessFailed,
    RoleTooStrong,
    RuntimeNotBuilt,
    SecretFileExposed,
    ServerTooOld,
    SettingWrong,
    SocketFolderTaken,
    StackDidNotStart,
    TargetNotEmpty,
    ValkeyMissing,
    psycopg2.OperationalError,
)
