"""An organisation's sessions: filters in the URL, pages by position, the last as quick as the first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import django_filters  # type: ignore[import-untyped]  # the package has no types
from django import forms
from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from charging.models import ChargingSession, PricedSession
from portal.charts import PriceLine
from portal.cost import Shares, latest, longest_of, shares_of
from portal.owner.period import uuid_of
from stations.models import Site

PAGE_SIZE = 50


class SessionFilter(django_filters.FilterSet):  # type: ignore[misc]  # the package has no types
    """Site, state, first and last local day."""

    site = django_filters.ModelChoiceFilter(
        field_name="station__site", queryset=Site.objects.none(), label=_("Site"), empty_label=_("All sites")
    )
    show = django_filters.ChoiceFilter(
        method="by_show",
        label=_("Show"),
        empty_label=_("All sessions"),
        choices=[
            ("running", _("Charging now")),
            ("held", _("Being checked")),
            ("elsewhere", _("Settled elsewhere")),
        ],
    )
    since = django_filters.DateFilter(
        method="by_since", label=_("From"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    until = django_filters.DateFilter(
        method="by_until", label=_("To"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )

    class Meta:
        model = ChargingSession
        fields: tuple[str, ...] = ()

    def __init__(self, *args: object, organisation: Organisation, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(organisation.time_zone)
        self.filters["site"].queryset = Site.objects.of(organisation)

    def by_show(self, rows: QuerySet[ChargingSession], _name: str, value: str) -> QuerySet[ChargingSession]:
        wanted = {
            "running": Q(state=ChargingSession.State.ACTIVE),
            "held": Q(quality=ChargingSession.Quality.HELD),
            "elsewhere": Q(settled_elsewhere=True),
        }
        return rows.filter(wanted[value])

    def by_since(self, rows: QuerySet[ChargingSession], _name: str, value: date) -> QuerySet[ChargingSession]:
        return rows.filter(started_at__gte=self._midnight(value))

    def by_until(self, rows: QuerySet[ChargingSession], _name: str, value: date) -> QuerySet[ChargingSession]:
        return rows.filter(started_at__lt=self._midnight(value + timedelta(days=1)))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)


@dataclass(frozen=True)
class SessionRow:
    """A session in a list: itself, its local start, its cost once priced."""

    session: ChargingSession
    started: datetime
    shares: Shares | None
    line: PriceLine | None
    state: str


@dataclass(frozen=True)
class SessionPage:
    """One page of rows, newest first; `older` is the position after which the next page begins."""

    rows: list[SessionRow]
    older: str


def with_cost(rows: QuerySet[ChargingSession]) -> QuerySet[ChargingSession]:
    """The rows with place and pricings, in two queries."""
    return rows.select_related("station__site", "connector__evse").prefetch_related(
        Prefetch("pricings", PricedSession.objects.defer("result"))
    )


def page_of(rows: QuerySet[ChargingSession], position: str) -> SessionPage:
    """The page that begins after `position` (`<started_at>~<id>`, as `older` gave it)."""
    after = _read_position(position)
    if after is not None:
        started_at, row_id = after
        rows = rows.filter(Q(started_at__lt=started_at) | Q(started_at=started_at, id__lt=row_id))
    found = list(with_cost(rows).order_by("-started_at", "-id")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    older = f"{shown[-1].started_at.isoformat()}~{shown[-1].pk}" if len(found) > PAGE_SIZE else ""
    return SessionPage(session_rows(shown), older)


def session_rows(sessions: Iterable[ChargingSession]) -> list[SessionRow]:
    """Rows whose price lines share a scale per currency."""
    found = [(session, latest(session.pricings.all())) for session in sessions]
    costs = [(session, shares_of(priced) if priced else None) for session, priced in found]
    longest = longest_of(shares for _session, shares in costs)
    return [_row(session, shares, longest) for session, shares in costs]


def _row(session: ChargingSession, shares: Shares | None, longest: dict[str, Decimal]) -> SessionRow:
    return SessionRow(
        session=session,
        started=session.started_at.astimezone(ZoneInfo(session.station.site.time_zone)),
        shares=shares,
        line=shares.line(longest=longest[shares.currency]) if shares else None,
        state=state_of(session),
    )


def state_of(session: ChargingSession) -> str:
    """The key of the session's look."""
    if session.quality == ChargingSession.Quality.HELD:
        return "review"
    if session.state == ChargingSession.State.ACTIVE:
        return "running"
    if session.settled_elsewhere:
        return "elsewhere"
    return "completed" if session.state == ChargingSession.State.PRICED else "pricing"


def _read_position(text: str) -> tuple[datetime, UUID] | None:
    moment, _tilde, row_id = text.partition("~")
    key = uuid_of(row_id)
    try:
        started_at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (started_at, key) if key and started_at.tzinfo else None
