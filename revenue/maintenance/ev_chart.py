"""The quarterly session fields of EV-ChART (23 CFR 680.112 (a)): start, end, error, energy, peak power, payment."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Max, OuterRef, Subquery

from accounts.models import Organisation
from billing.models import Payment
from charging.models import ChargingSession, Reading
from stations.uptime.ev_chart import port_id

HEADER = (
    "session_id", "port_id", "station_id", "session_start", "session_end", "session_error",
    "energy_kwh", "power_kw", "payment_method",
)  # fmt: skip
ORDERLY = {"", "Local", "Remote", "EVDisconnected", "DeAuthorized", "StoppedByEV", "SOCLimitReached",
           "TimeLimitReached", "EnergyLimitReached"}  # fmt: skip
METHODS: dict[str, str] = {
    Payment.Method.GUEST: "credit_debit_card",
    Payment.Method.CARD: "app",
    Payment.Method.ACCOUNT: "account",
}


def quarter_of(month: date) -> str:
    """`2026Q3`."""
    return f"{month.year}Q{(month.month + 2) // 3}"


def session_rows(organisation: Organisation, month: date) -> Iterator[Sequence[object]]:
    """The sessions that ended in the quarter of `month`, oldest first; peak power is empty where none was told."""
    start, end = quarter(month, ZoneInfo(organisation.time_zone))
    peak = Reading.objects.filter(organisation=organisation, session=OuterRef("pk")).order_by()
    method = Payment.objects.filter(organisation=organisation, session=OuterRef("pk")).order_by("-created_at")
    sessions = (
        ChargingSession.objects.of(organisation)
        .filter(ended_at__gte=start, ended_at__lt=end)
        .select_related("connector__evse__station")
        .annotate(
            peak_w=Subquery(peak.values("session").annotate(peak=Max("power_w")).values("peak")),
            method=Subquery(method.values("method")[:1]),
        )
        .order_by("ended_at", "id")
    )
    for session in sessions.iterator(chunk_size=2000):
        yield _row(session)


def quarter(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The beginning and end of the quarter of `month` in `zone`, in UTC."""
    first = (month.month - 1) // 3 * 3 + 1
    start = datetime(month.year, first, 1, tzinfo=zone)
    end = datetime(month.year + (first == 10), (first + 3) % 12, 1, tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def _row(session: ChargingSession) -> Sequence[object]:
    evse = session.connector.evse
    peak_w: int | None = session.peak_w  # type: ignore[attr-defined]  # annotated above
    method: str | None = session.method  # type: ignore[attr-defined]
    return (
        str(session.pk),
        port_id(evse),
        evse.station.identity,
        session.started_at,
        session.ended_at,
        "" if session.stop_reason in ORDERLY else session.stop_reason,
        Decimal(session.energy_wh) / 1000,
        None if peak_w is None else Decimal(peak_w) / 1000,
        "elsewhere" if session.settled_elsewhere else METHODS.get(method or "", ""),
    )
