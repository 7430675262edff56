"""The errors of a check that could not be made: exit status 2."""

from __future__ import annotations

from launcher.settings import SettingWrong
from launcher.validate.deployed import NotCompared
from launcher.validate.folder import FolderUnusable
from launcher.validate.lint import RuffFailed
from launcher.validate.rehearsal import NotRehearsed
from launcher.validate.rules import RulesWrong

REFUSALS = (FolderUnusable, NotCompared, NotRehearsed, RuffFailed, RulesWrong, SettingWrong)
