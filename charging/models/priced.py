"""What a session costs, as the price engine said it. Immutable; a correction is a further revision."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from charging.models.session import ChargingSession
from tariffs.models import TariffVersion


class PricedSession(TenantModel):
    """Totals and lines of one pricing of one session; all amounts in `currency`.

    energy + time + parking + fees = net, and net + tax = gross: shares of the price line. The exact
    amounts and the reasons are in `result`, as `pricing.PricedSession.to_json()` wrote it.
    """

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="pricings")
    revision = models.PositiveSmallIntegerField(default=1)
    tariff_version = models.ForeignKey(TariffVersion, on_delete=models.PROTECT, related_name="+")
    policy = models.CharField(max_length=20)
    energy_wh = models.BigIntegerField()
    duration_s = models.BigIntegerField()
    energy = MoneyField()
    time = MoneyField()
    parking = MoneyField()
    fees = MoneyField()
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()
    result = models.JSONField()
    priced_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["session", "-revision"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "session", "revision"], name="priced_session_revision_once"
            ),
            models.CheckConstraint(
                condition=Q(net=F("energy") + F("time") + F("parking") + F("fees")),
                name="priced_session_shares_sum_to_net",
            ),
            models.CheckConstraint(
                condition=Q(gross=F("net") + F("tax")), name="priced_session_net_and_tax_sum_to_gross"
            ),
            models.CheckConstraint(condition=Q(gross__gte=0), name="priced_session_never_negative"),
        ]
        indexes = [models.Index(fields=["organisation", "priced_at"])]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.Protect(
                name="priced_session_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )

    def __str__(self) -> str:
        return f"{self.gross} ({self.session_id}, revision {self.revision})"
