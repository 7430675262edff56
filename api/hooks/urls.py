"""The Git remote of each tenant, under its own address and under a short one."""

from __future__ import annotations

from django.urls import re_path

from api.hooks.git_http import git_remote

urlpatterns = [
    re_path(r"^t/(?P<slug>[a-z0-9-]+)/git/(?P<path>.+)$", git_remote, name="git-remote"),
    re_path(r"^git/(?P<slug>[a-z0-9-]+)\.git/(?P<path>.+)$", git_remote, name="git-remote-short"),
]
