"""The Git remote of each tenant, under its own address and under a short one; webhooks of their Git hosts."""

from __future__ import annotations

from django.urls import path, re_path

from api.hooks.git_http import git_remote
from api.hooks.git_webhooks import git_webhook

urlpatterns = [
    path("hooks/git/<uuid:tenant_id>/<uuid:remote_id>", git_webhook, name="git-webhook"),
    re_path(r"^t/(?P<slug>[a-z0-9-]+)/git/(?P<path>.+)$", git_remote, name="git-remote"),
    re_path(r"^git/(?P<slug>[a-z0-9-]+)\.git/(?P<path>.+)$", git_remote, name="git-remote-short"),
]
