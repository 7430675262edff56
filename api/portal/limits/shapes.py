"""What goes in and out of the operations on limits."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.limits.effective import SOURCES
from tenants.limits.read import PLAN_SOURCES


class LimitShape(serializers.Serializer[None]):
    """`value` is what holds, null is no limit; `bound` what the tenant's own value may not pass."""

    name = serializers.CharField()
    unit = serializers.CharField()
    meaning = serializers.CharField()
    enforced = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    source = serializers.ChoiceField(SOURCES)
    bound = serializers.FloatField(allow_null=True)
    own = serializers.BooleanField()
    used = serializers.FloatField(allow_null=True)


class LimitsShape(serializers.Serializer[None]):
    """`plan_source`: who was given the plan; null where there is none."""

    plan = serializers.CharField(allow_null=True)
    plan_source = serializers.ChoiceField(PLAN_SOURCES, allow_null=True)
    limits = LimitShape(many=True)


class OwnLimitsBody(serializers.Serializer[None]):
    """Limits by name; null takes one back."""

    limits = serializers.DictField(child=serializers.JSONField(allow_null=True), allow_empty=False)


class PaceBody(serializers.Serializer[None]):
    """Null: as many tasks may begin as there are slots for."""

    starts_per_minute = serializers.IntegerField(min_value=1, max_value=100_000, allow_null=True)


class PaceShape(serializers.Serializer[None]):
    pool = serializers.CharField()
    starts_per_minute = serializers.IntegerField(allow_null=True)
    started_last_minute = serializers.IntegerField()


class PlanBody(serializers.Serializer[None]):
    title = serializers.CharField(max_length=200, required=False, default="")
    limits = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    prices = serializers.DictField(child=serializers.JSONField(), default=dict)
    currency = serializers.CharField(max_length=3, default="EUR")
    is_default = serializers.BooleanField(default=False)
    is_offered = serializers.BooleanField(default=False)


class PlanShape(serializers.Serializer[None]):
    name = serializers.CharField()
    title = serializers.CharField()
    limits = serializers.DictField(child=serializers.FloatField(allow_null=True))
    prices = serializers.DictField(child=serializers.IntegerField())
    currency = serializers.CharField()
    is_default = serializers.BooleanField()
    is_offered = serializers.BooleanField()
    changed_at = serializers.DateTimeField()
    changed_by = serializers.CharField()


class PlansShape(PageShape):
    plans = PlanShape(many=True)


class QuotaBody(serializers.Serializer[None]):
    """`plan` null: the organisation's, or the default one. `overrides` replace those before; null there is no limit."""

    plan = serializers.CharField(max_length=63, allow_null=True)
    overrides = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    reason = serializers.CharField(max_length=500)


class ChosenPlanBody(serializers.Serializer[None]):
    """Null: the default one."""

    plan = serializers.CharField(max_length=63, allow_null=True)


class OfferedPlanShape(serializers.Serializer[None]):
    name = serializers.CharField()
    title = serializers.CharField()
    limits = serializers.DictField(child=serializers.FloatField(allow_null=True))
    prices = serializers.DictField(child=serializers.IntegerField())
    currency = serializers.CharField()


class OrganisationQuotaShape(serializers.Serializer[None]):
    """`plan` null: the default one."""

    plan = serializers.CharField(allow_null=True)
    overrides = serializers.DictField(child=serializers.FloatField(allow_null=True))
    reason = serializers.CharField(allow_blank=True)
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField(allow_null=True)


class GivenTenantShape(serializers.Serializer[None]):
    tenant = serializers.CharField()
    plan = serializers.CharField(allow_null=True)
    overrides = serializers.DictField(child=serializers.FloatField(allow_null=True))


class OrganisationPlanShape(serializers.Serializer[None]):
    """`plan` is what holds for tenants that were given none; `tenants` are those that were given something."""

    plan = OfferedPlanShape(allow_null=True)
    plan_source = serializers.ChoiceField(PLAN_SOURCES[1:], allow_null=True)
    overrides = serializers.DictField(child=serializers.FloatField(allow_null=True))
    reason = serializers.CharField(allow_blank=True)
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField(allow_null=True)
    offered = OfferedPlanShape(many=True)
    tenants = GivenTenantShape(many=True)
