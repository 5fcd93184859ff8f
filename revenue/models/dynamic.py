"""Dynamic pricing: a site's rules and guardrails, the signals they read, and a row for every decision."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.tenancy import TenantModel
from stations.models import Site
from tariffs.models import Tariff, TariffVersion

PER_KWH_DIGITS, PER_KWH_PLACES = 9, 4
"""Prices and distances of prices per kWh: in the tariff's currency, with tax as the tariff has it."""


class Feed(TenantModel):
    """Where a signal from outside comes from: a CSV that somebody uploads, or an address that is asked."""

    class Kind(models.TextChoices):
        GRID_PRICE = "grid", "Grid price per kWh"
        QUEUE = "queue", "Vehicles waiting"

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.GRID_PRICE)
    url = models.URLField(blank=True, max_length=500, help_text="asked every so often; empty: uploads only")
    every_minutes = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(5)], help_text="how often the address is asked"
    )
    max_age_minutes = models.PositiveIntegerField(
        default=36 * 60,
        validators=[MinValueValidator(1)],
        help_text="values that came in longer ago are stale, and not used",
    )
    asked_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=300, blank=True, help_text="why the last asking failed")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="feed_name_once"),
            models.CheckConstraint(condition=Q(kind__in=("grid", "queue")), name="feed_kind_known"),
            models.CheckConstraint(
                condition=Q(every_minutes__gte=5, max_age_minutes__gte=1), name="feed_paces_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FeedValue(TenantModel):
    """What a feed said of the hour that starts at `at`; a later word on the same hour replaces it."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="values_by_hour")
    at = models.DateTimeField()
    value = models.DecimalField(max_digits=14, decimal_places=6)
    received_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "feed", "at"], name="feed_value_once_an_hour")
        ]

    def __str__(self) -> str:
        return f"{self.feed_id} {self.at:%Y-%m-%d %H:%M}: {self.value}"


class RuleSet(TenantModel):
    """How the price per kWh of one site may move: its guardrails, and whether it is switched on."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    base = models.ForeignKey(
        Tariff, on_delete=models.PROTECT, related_name="+",
        help_text="the tariff that holds when this is off; all but its price per kWh is kept",
    )  # fmt: skip
    tariff = models.ForeignKey(
        Tariff, on_delete=models.PROTECT, related_name="+", help_text="gets a version with every change"
    )
    is_on = models.BooleanField(default=False)
    normal_price = models.DecimalField(
        max_digits=PER_KWH_DIGITS,
        decimal_places=PER_KWH_PLACES,
        help_text="what the rules start from, and what holds whenever something is in doubt",
    )
    floor = models.DecimalField(
        max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES, help_text="never less than this"
    )
    cap = models.DecimalField(
        max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES, help_text="never more than this"
    )
    max_step = models.DecimalField(
        max_digits=PER_KWH_DIGITS,
        decimal_places=PER_KWH_PLACES,
        help_text="the most the price moves from one hour to the next",
    )
    max_step_day = models.DecimalField(
        max_digits=PER_KWH_DIGITS,
        decimal_places=PER_KWH_PLACES,
        help_text="the most it moves within a local day",
    )
    hysteresis = models.DecimalField(
        max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES, help_text="smaller changes are not made"
    )
    notice_minutes = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(5), MaxValueValidator(1440)],
        help_text="how long before it holds a price is published",
    )
    utilisation_max_age_minutes = models.PositiveSmallIntegerField(
        default=30, help_text="a site not heard of for longer has no known utilisation"
    )
    grid_feed = models.ForeignKey(Feed, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    queue_feed = models.ForeignKey(Feed, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "site"], name="rule_set_once_a_site"),
            models.CheckConstraint(
                condition=Q(floor__gte=0, floor__lte=F("normal_price"), cap__gte=F("normal_price")),
                name="rule_set_normal_price_between_floor_and_cap",
            ),
            models.CheckConstraint(
                condition=Q(max_step__gt=0, max_step_day__gte=F("max_step"), hysteresis__gte=0)
                & Q(hysteresis__lte=F("max_step")),
                name="rule_set_steps_make_sense",
            ),
            models.CheckConstraint(
                condition=Q(notice_minutes__gte=5, notice_minutes__lte=1440), name="rule_set_notice_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"Prices at {self.site}"


class PriceRule(TenantModel):
    """If everything named holds, the price moves. Rules are read in order; the first that holds counts."""

    class Action(models.TextChoices):
        PERCENT = "percent", "Normal price, plus or minus percent"
        STEP = "step", "Normal price, plus or minus an amount per kWh"
        COST_PLUS = "cost_plus", "Grid price, plus percent and an amount per kWh"
        WAIVE_IDLE = "waive_idle", "No idle fee"

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    days = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    from_time = models.TimeField(null=True, blank=True)
    to_time = models.TimeField(null=True, blank=True)
    utilisation_min = models.PositiveSmallIntegerField(null=True, blank=True)
    utilisation_max = models.PositiveSmallIntegerField(null=True, blank=True)
    forecast_min = models.PositiveSmallIntegerField(null=True, blank=True)
    forecast_max = models.PositiveSmallIntegerField(null=True, blank=True)
    queue_min = models.PositiveSmallIntegerField(null=True, blank=True)
    grid_min = models.DecimalField(
        max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES, null=True, blank=True
    )
    grid_max = models.DecimalField(
        max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES, null=True, blank=True
    )
    out_of_service_min = models.PositiveSmallIntegerField(null=True, blank=True)
    action = models.CharField(max_length=10, choices=Action, default=Action.PERCENT)
    percent = models.DecimalField(max_digits=6, decimal_places=2, default=0)
    amount = models.DecimalField(max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES)

    class Meta(TenantModel.Meta):
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=("percent", "step", "cost_plus", "waive_idle")),
                name="price_rule_action_known",
            ),
            models.CheckConstraint(
                condition=Q(from_time__isnull=True, to_time__isnull=True)
                | Q(from_time__isnull=False, to_time__isnull=False),
                name="price_rule_both_times_or_none",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlannedPrice(TenantModel):
    """A price set beforehand for one hour, by a published plan or an experiment; it goes before the rules."""

    class Origin(models.TextChoices):
        PLAN = "plan", "Plan"
        EXPERIMENT = "experiment", "Experiment"

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="planned")
    slot = models.DateTimeField()
    price = models.DecimalField(max_digits=PER_KWH_DIGITS, decimal_places=PER_KWH_PLACES)
    origin = models.CharField(max_length=10, choices=Origin)
    origin_id = models.UUIDField(null=True, blank=True)
    note = models.CharField(max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["slot"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "rule_set", "slot"], name="planned_price_once_an_hour"
            ),
            models.CheckConstraint(
                condition=Q(origin__in=("plan", "experiment")), name="planned_price_origin_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price} at {self.slot:%Y-%m-%d %H:%M}"


class PriceDecision(TenantModel):
    """What was decided for the hour that starts at `slot`, from what, and what came of it. Never changed."""

    class Outcome(models.TextChoices):
        RULE = "rule", "A rule"
        NORMAL = "normal", "Normal price"
        PLAN = "plan", "Plan"
        EXPERIMENT = "experiment", "Experiment"
        FALLBACK = "fallback", "Normal price, in doubt"
        REFUSED = "refused", "Not published"

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="decisions")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    slot = models.DateTimeField()
    decided_at = models.DateTimeField()
    inputs = models.JSONField(help_text="each signal: value, measured_at, fresh")
    rule = models.CharField(max_length=120, blank=True)
    wanted = models.DecimalField(
        max_digits=PER_KWH_DIGITS,
        decimal_places=PER_KWH_PLACES,
        null=True,
        blank=True,
        help_text="before the guardrails",
    )
    price = models.DecimalField(
        max_digits=PER_KWH_DIGITS,
        decimal_places=PER_KWH_PLACES,
        null=True,
        blank=True,
        help_text="after them",
    )
    before = models.DecimalField(
        max_digits=PER_KWH_DIGITS,
        decimal_places=PER_KWH_PLACES,
        null=True,
        blank=True,
        help_text="of the hour before",
    )
    waives_idle = models.BooleanField(default=False)
    outcome = models.CharField(max_length=10, choices=Outcome)
    changes = models.JSONField(default=list, help_text="what each guardrail changed: guardrail, from, to")
    alerts = ArrayField(models.CharField(max_length=300), default=list)
    version = models.ForeignKey(
        TariffVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    why_no_version = models.CharField(max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-slot"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "rule_set", "slot"], name="price_decision_once_an_hour"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=("rule", "normal", "plan", "experiment", "fallback", "refused")),
                name="price_decision_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(version__isnull=False) | ~Q(why_no_version=""),
                name="price_decision_version_or_why_not",
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.Protect(
                name="price_decision_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )

    def __str__(self) -> str:
        return f"{self.slot:%Y-%m-%d %H:%M}: {self.price}"


class RuleSetEvent(TenantModel):
    """Who did what to a rule set: switched on, back to the usual tariff, changed, planned."""

    class Kind(models.TextChoices):
        ON = "on", "Switched on"
        KILLED = "killed", "Back to the usual tariff"
        CHANGED = "changed", "Changed"
        PLANNED = "planned", "Plan published"

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    detail = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=("on", "killed", "changed", "planned")), name="rule_set_event_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"
