"""What a port that does not work costs a day, measured on what it earned before. Net of tax, never guessed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery, Sum
from moneyed import Money

from accounts.models import Organisation
from charging.models import ChargingSession, PricedSession
from stations.models import EVSE
from stations.uptime import port_times, uptime_of

BEFORE = timedelta(weeks=8)
DAY = timedelta(days=1)
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Earnings:
    """What a port earned in a period: net, by how many priced sessions, in how many days in service."""

    net: Decimal
    currency: str
    sessions: int
    days: Decimal
    first: datetime
    last: datetime

    @property
    def per_day(self) -> Money | None:
        """Net a day in service; None where there is nothing to measure it on."""
        if not self.sessions or self.days < 1:
            return None
        return Money((self.net / self.days).quantize(CENT), self.currency)

    @property
    def per_session(self) -> Decimal:
        return self.net / self.sessions if self.sessions else Decimal(0)

    def basis(self) -> dict[str, Any]:
        """As a work order keeps it."""
        return {
            "sessions": self.sessions,
            "days": int(self.days),
            "net": str(self.net),
            "first_day": self.first.date().isoformat(),
            "last_day": self.last.date().isoformat(),
        }


def earnings_before(organisation: Organisation, evse: EVSE, until: datetime) -> Earnings:
    """The port's eight weeks before `until`, or what there is of them; time down is no day in service."""
    return earnings(organisation, evse.pk, until - BEFORE, until)


def earnings(organisation: Organisation, evse_id: UUID, start: datetime, end: datetime) -> Earnings:
    """Net of the latest prices of the port's sessions that started in start..end, in the books' currency."""
    sessions = ChargingSession.objects.of(organisation).filter(
        connector__evse=evse_id, started_at__gte=start, started_at__lt=end
    )
    latest = PricedSession.objects.of(organisation).filter(session=OuterRef("session")).order_by("-revision")
    priced = PricedSession.objects.of(organisation).filter(
        session__in=sessions, currency=organisation.currency, pk=Subquery(latest.values("pk")[:1])
    )
    found = priced.aggregate(net=Sum("net"))
    first_start = sessions.order_by("started_at").values_list("started_at", flat=True).first()
    first = (
        max(start, first_start.replace(hour=0, minute=0, second=0, microsecond=0)) if first_start else start
    )
    return Earnings(
        net=found["net"] or Decimal(0),
        currency=organisation.currency,
        sessions=priced.count(),
        days=_days_up(organisation, evse_id, first, end),
        first=first,
        last=end,
    )


def _days_up(organisation: Organisation, evse_id: UUID, start: datetime, end: datetime) -> Decimal:
    (times,) = port_times(organisation, start, end, evse_id=evse_id)
    down = uptime_of(times, start, end).outage
    return Decimal((end - start - down) // timedelta(seconds=1)) / Decimal(DAY // timedelta(seconds=1))
