"""Switchback experiments: what was registered before the first block, and the blocks that were drawn."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.tenancy import TenantModel
from revenue.models.dynamic import RuleSet
from stations.models import Site


class Experiment(TenantModel):
    """Two prices in turn at some sites, for a length fixed beforehand. Only its end can still be written."""

    name = models.CharField(max_length=80)
    low_percent = models.DecimalField(
        max_digits=5, decimal_places=2, help_text="of the normal price, e.g. -20"
    )
    high_percent = models.DecimalField(
        max_digits=5, decimal_places=2, help_text="of the normal price, e.g. 20"
    )
    block_hours = models.PositiveSmallIntegerField(default=24)
    weeks = models.PositiveSmallIntegerField(default=8)
    starts_on = models.DateField(help_text="a Monday; blocks begin at local midnight")
    seed = models.BigIntegerField(help_text="what the blocks were drawn from")
    elasticity_assumed = models.DecimalField(max_digits=4, decimal_places=2, default="-0.5")
    power = models.DecimalField(max_digits=4, decimal_places=3, help_text="at that elasticity, said before")
    registered_at = models.DateTimeField(auto_now_add=True)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-registered_at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="experiment_name_once"),
            models.CheckConstraint(
                condition=Q(high_percent__gt=F("low_percent"), low_percent__gt=-100),
                name="experiment_prices_differ",
            ),
            models.CheckConstraint(
                condition=Q(block_hours__in=(12, 24), weeks__gte=2, weeks__lte=52),
                name="experiment_lengths_known",
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            # What was registered is what is judged: nothing of it can be changed once blocks run.
            pgtrigger.ReadOnly(name="experiment_is_registered", exclude=["stopped_at", "registered_by"]),
        )

    def __str__(self) -> str:
        return self.name


class ExperimentSite(TenantModel):
    """A site of an experiment; `place` is its row in the drawn arms."""

    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="sites")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()
    normal_price = models.DecimalField(max_digits=9, decimal_places=4)
    low_price = models.DecimalField(max_digits=9, decimal_places=4)
    high_price = models.DecimalField(max_digits=9, decimal_places=4)

    class Meta(TenantModel.Meta):
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "experiment", "site"], name="experiment_site_once"
            ),
            models.UniqueConstraint(
                fields=["organisation", "experiment", "place"], name="experiment_place_once"
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.Protect(
                name="experiment_site_is_registered", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )

    def __str__(self) -> str:
        return f"{self.site} in {self.experiment}"
