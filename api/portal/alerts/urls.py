"""Paths of alerts, below `/api/portal/v1/tenants/{slug}/`."""

from __future__ import annotations

from django.urls import path

from api.portal.alerts.going_on import AlertAnswer, Alerts, Notifications, OneAlert
from api.portal.alerts.setting_up import (
    Channels,
    OneChannel,
    OneRule,
    OneWindow,
    Routes,
    Rules,
    TestChannel,
    Windows,
)

urlpatterns = [
    path("alerts", Alerts.as_view()),
    path("alerts/<uuid:alert_id>", OneAlert.as_view()),
    path("alerts/<uuid:alert_id>/answer", AlertAnswer.as_view()),
    path("notifications", Notifications.as_view()),
    path("alert-channels", Channels.as_view()),
    path("alert-channels/<uuid:channel_id>", OneChannel.as_view()),
    path("alert-channels/<uuid:channel_id>/test", TestChannel.as_view()),
    path("alert-rules", Rules.as_view()),
    path("alert-rules/<uuid:rule_id>", OneRule.as_view()),
    path("alert-routes", Routes.as_view()),
    path("maintenance-windows", Windows.as_view()),
    path("maintenance-windows/<uuid:window_id>", OneWindow.as_view()),
]
