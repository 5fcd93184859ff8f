"""The period a page shows and the one it compares with, from the URL."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone

from accounts.models import Organisation

LENGTHS = (7, 30, 90)
USUAL = 30


@dataclass(frozen=True)
class Period:
    """`days` whole local days up to and with `last`, and as many before them."""

    days: int
    last: date
    zone: ZoneInfo

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.days - 1)

    @property
    def first_before(self) -> date:
        return self.first - timedelta(days=self.days)

    @property
    def start_before(self) -> datetime:
        """When the earlier period begins, in UTC."""
        return self._midnight(self.first_before)

    @property
    def start(self) -> datetime:
        """When this period begins, in UTC."""
        return self._midnight(self.first)

    @property
    def end(self) -> datetime:
        """When this period ends, in UTC."""
        return self._midnight(self.last + timedelta(days=1))

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=at) for at in range(self.days)]

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


def period_of(query: QueryDict, zone: ZoneInfo) -> Period:
    """`?days=7|30|90`, up to today in `zone`; anything else is the usual 30."""
    asked = query.get("days", "")
    days = int(asked) if asked in {str(length) for length in LENGTHS} else USUAL
    return Period(days, timezone.now().astimezone(zone).date(), zone)


def uuid_of(text: str) -> UUID | None:
    """A UUID from the URL; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def day_bounds(day: date, organisation: Organisation) -> tuple[datetime, datetime]:
    """When a local day of the organisation begins and ends, in UTC."""
    period = Period(1, day, ZoneInfo(organisation.time_zone))
    return period.start, period.end
