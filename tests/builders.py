"""Builders of rows for tests: each makes what it needs beneath it; a test names only what it is about."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import Driver, Membership, Organisation, Role, Token, User
from billing.models import Dispute, Payment
from charging.models import ChargingSession, Reading, SessionState
from revenue.models import Candidate
from stations.models import (
    EVSE,
    Connector,
    Exclusion,
    Outage,
    PlannedWindow,
    Site,
    Station,
    StatusInterval,
    WorkOrder,
    WorkOrderEntry,
)
from tariffs.models import Tariff, TariffAssignment, TariffVersion

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday, as the worked examples of docs/pricing.md have it
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


def make_organisation(slug: str | None = None, **fields: Any) -> Organisation:
    """An operator in euros unless told."""
    slug = slug or f"operator-{next(_numbers)}"
    return Organisation.objects.create(slug=slug, **{"name": slug.replace("-", " ").title(), **fields})


def make_user(email: str | None = None, password: str | None = None, **fields: Any) -> User:
    return User.objects.create_user(email or f"user-{next(_numbers)}@example.test", password, **fields)


def make_member(organisation: Organisation, role: str = Role.OWNER, user: User | None = None) -> Membership:
    return Membership.objects.create(organisation=organisation, user=user or make_user(), role=role)


def make_driver(user: User | None = None, *, guest: bool = False, **fields: Any) -> Driver:
    """A driver with a log-in, or a guest with an e-mail address alone."""
    if not guest:
        user = user or make_user()
        fields.setdefault("email", user.email)
    return Driver.objects.create(user=user, **{"email": f"guest-{next(_numbers)}@example.test", **fields})


def make_token(driver: Driver | None = None, uid: str | None = None, **fields: Any) -> Token:
    return Token.issue(driver or make_driver(), uid or f"TAG{next(_numbers):08}", **fields)


def make_site(
    organisation: Organisation | None = None, time_zone: str = "Europe/Amsterdam", **fields: Any
) -> Site:
    return Site.objects.create(
        organisation=organisation or make_organisation(),
        time_zone=time_zone,
        **{"name": f"Site {next(_numbers)}", **fields},
    )


def make_station(
    site: Site | None = None,
    *,
    evses: int = 1,
    max_power_w: int = 22_000,
    power_type: str = "AC",
    **fields: Any,
) -> Station:
    """A registered station with `evses` EVSEs of one connector each."""
    site = site or make_site()
    station = Station.objects.create(
        organisation_id=site.organisation_id, site=site, **{"identity": f"CP{next(_numbers):06}", **fields}
    )
    station.register()
    for number in range(1, evses + 1):
        evse = EVSE.objects.create(
            organisation_id=site.organisation_id,
            station=station,
            number=number,
            max_power_w=max_power_w,
            power_type=power_type,
        )
        Connector.objects.create(organisation_id=site.organisation_id, evse=evse)
    return station


def connector_of(station: Station, evse: int = 1) -> Connector:
    """The connector of the station's EVSE number `evse`, ready to ask for its station and site."""
    connector: Connector = Connector.objects.select_related("evse__station__site").get(
        organisation=station.organisation_id, evse__station=station, evse__number=evse
    )
    return connector


def make_tariff_document(
    energy: str | None = "0.50",
    *,
    time: str | None = None,
    parking: str | None = None,
    flat: str | None = None,
    tax: str | None = "20",
    currency: str = "EUR",
    **fields: Any,
) -> dict[str, Any]:
    """An OCPI tariff of one element: prices per kWh, per hour, per hour parked, per session, without tax."""
    prices = {"ENERGY": energy, "TIME": time, "PARKING_TIME": parking, "FLAT": flat}
    components = [
        {"type": kind, "price": price, "step_size": 1, **({"vat": tax} if tax else {})}
        for kind, price in prices.items()
        if price is not None
    ]
    return {"id": "tariff", "currency": currency, "elements": [{"price_components": components}], **fields}


def make_tariff(
    document: Mapping[str, Any] | None = None,
    *,
    organisation: Organisation,
    valid_from: datetime = LONG_AGO,
    **place: Any,
) -> TariffVersion:
    """Version 1 of a tariff, in force since `valid_from` at the `place` named by site=, station=, connector=
    or driver_group=; in the whole organisation where none is."""
    document = dict(document or make_tariff_document())
    tariff = Tariff.objects.create(
        organisation=organisation, name=f"Tariff {next(_numbers)}", currency=document["currency"]
    )
    version: TariffVersion = TariffVersion.objects.create(
        organisation=organisation, tariff=tariff, number=1, document=document, valid_from=valid_from
    )
    TariffAssignment.objects.create(organisation=organisation, tariff=tariff, valid_from=valid_from, **place)
    return version


def make_session(
    connector: Connector | None = None,
    *,
    start: datetime = MONDAY + timedelta(hours=10),
    seconds: int | None = 3600,
    energy_wh: int = 10_000,
    readings: Iterable[tuple[int, int]] = (),
    states: Sequence[tuple[int, str]] = (),
    **fields: Any,
) -> ChargingSession:
    """An ended session of `seconds`, or a running one if that is None; `readings` are (seconds, register Wh)
    and `states` (seconds, SessionState.State), both counted from `start`."""
    connector = connector or connector_of(make_station())
    key = f"session-{next(_numbers)}"
    meter_start_wh = fields.pop("meter_start_wh", 0)
    ended: dict[str, Any] = {}
    if seconds is not None:
        ended = {
            "state": ChargingSession.State.ENDED,
            "ended_at": start + timedelta(seconds=seconds),
            "meter_end_wh": meter_start_wh + energy_wh,
        }
    session: ChargingSession = ChargingSession.objects.create(
        organisation_id=connector.organisation_id,
        connector=connector,
        station_id=connector.evse.station_id,
        started_at=start,
        meter_start_wh=meter_start_wh,
        **{"source_key": key, "transaction_id": key, **ended, **fields},
    )
    add_readings(session, readings)
    SessionState.objects.bulk_create(
        SessionState(
            organisation_id=session.organisation_id,
            session=session,
            at=start + timedelta(seconds=s),
            state=state,
        )
        for s, state in states
    )
    return session


def add_readings(session: ChargingSession, readings: Iterable[tuple[int, int]]) -> None:
    """Store (seconds from the start, register Wh) pairs."""
    Reading.objects.bulk_create(
        Reading(
            organisation_id=session.organisation_id,
            session=session,
            at=session.started_at + timedelta(seconds=s),
            register_wh=register_wh,
        )
        for s, register_wh in readings
    )


def make_status(
    connector: Connector, status: str = "Available", since: datetime = LONG_AGO, error_code: str = ""
) -> StatusInterval:
    """The connector tells a status, as the gateway writes it: the interval before ends."""
    StatusInterval.objects.filter(connector=connector, until=None).update(until=since)
    told: StatusInterval = StatusInterval.objects.create(
        organisation_id=connector.organisation_id,
        connector=connector,
        status=status,
        since=since,
        error_code=error_code,
    )
    return told


def make_outage(station: Station, since: datetime, minutes: int | None = None, number: int = 1) -> Outage:
    """The station's port `number` was down for `minutes`, or still is."""
    outage: Outage = Outage.objects.create(
        organisation_id=station.organisation_id,
        evse=station.evses.get(number=number),
        since=since,
        until=None if minutes is None else since + timedelta(minutes=minutes),
    )
    return outage


def make_exclusion(at: Station, since: datetime = MONDAY, minutes: int = 60, **fields: Any) -> Exclusion:
    """A utility interruption at the station's site, for `minutes`."""
    exclusion: Exclusion = Exclusion.objects.create(
        organisation_id=at.organisation_id,
        site=at.site,
        since=since,
        until=since + timedelta(minutes=minutes),
        **{
            "category": Exclusion.Category.UTILITY,
            "reason": "no power in the street",
            "said_by": fields.pop("said_by", None) or make_user(),
            **fields,
        },
    )
    return exclusion


def make_work_order(
    at: Station, since: datetime = MONDAY, number: int = 1, loss_per_day: Any = None, **fields: Any
) -> WorkOrder:
    """An open order for an outage of the station's port `number`; a loss brings the basis of 212 sessions."""
    basis = {"sessions": 212, "days": 56} if loss_per_day is not None else {}
    order: WorkOrder = WorkOrder.objects.create(
        organisation_id=at.organisation_id,
        evse=at.evses.get(number=number),
        since=since,
        opened_at=since,
        seen_at=since,
        loss_per_day=loss_per_day,
        **{"kind": WorkOrder.Kind.OUTAGE, "evidence": {"codes": ["GroundFailure"]}, "basis": basis, **fields},
    )
    WorkOrderEntry.objects.create(
        organisation_id=at.organisation_id, order=order, action=WorkOrderEntry.Action.OPENED, at=since
    )
    return order


def make_window(at: Station, since: datetime = MONDAY, hours: int = 2, **fields: Any) -> PlannedWindow:
    """Planned maintenance of the whole station."""
    exclusion = make_exclusion(at, since, minutes=hours * 60, category=Exclusion.Category.MAINTENANCE)
    window: PlannedWindow = PlannedWindow.objects.create(
        organisation_id=at.organisation_id,
        site=at.site,
        since=since,
        until=since + timedelta(hours=hours),
        exclusion=exclusion,
        planned_by=exclusion.said_by,
        **{"station": at, **fields},
    )
    return window


def make_candidate(organisation: Organisation | None = None, **fields: Any) -> Candidate:
    """A place where the owner thinks of building two ports of 22 kW."""
    organisation = organisation or make_organisation()
    candidate: Candidate = Candidate.objects.create(
        organisation=organisation,
        **{
            "name": f"Candidate {next(_numbers)}",
            "latitude": "52.370000",
            "longitude": "4.890000",
            "currency": organisation.currency,
            "cost": 20_000,
            **fields,
        },
    )
    return candidate


def make_dispute(
    organisation: Organisation | None = None, payment: Payment | None = None, **fields: Any
) -> Dispute:
    """A chargeback of 6.00 over a card payment, to be answered within a week."""
    organisation = organisation or make_organisation()
    now = datetime.now(UTC)
    dispute: Dispute = Dispute.objects.create(
        organisation=organisation,
        payment=payment or make_paid(organisation, now),
        currency=organisation.currency,
        **{
            "dispute_id": f"du_{next(_numbers)}",
            "charge_id": "ch_1",
            "state": Dispute.State.NEEDS_RESPONSE,
            "reason": "fraudulent",
            "amount": 6,
            "opened_at": now,
            "answer_by": now + timedelta(days=7),
            **fields,
        },
    )
    return dispute


def make_paid(organisation: Organisation, at: datetime = MONDAY) -> Payment:
    """A card payment of 6.00 without a session."""
    amounts = {"due": 6, "captured": 6, "authorised": 0, "refunded": 0, "credited": 0}
    payment: Payment = Payment.objects.create(
        organisation=organisation,
        method=Payment.Method.CARD,
        state=Payment.State.PAID,
        paid_at=at,
        currency=organisation.currency,
        **amounts,
    )
    return payment
