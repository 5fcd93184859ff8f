"""What stations show of the cost: priced here by the function that makes the bill, told by the gateway.

The sweep prices the sessions that have news and writes what is to be shown; the gateway that holds the station
claims it, tells it, and writes what came of it. One notice a session, one in flight.
"""

from collections.abc import Container
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

import pricing
from charging.models import ChargingSession, CostNotice, PricedSession, SessionState, StationDisplay
from charging.price_now import Moment, price_now, to_json
from charging.rating import running_price, tariff_of

State = CostNotice.State
Kind = CostNotice.Kind
PRESENT = timedelta(minutes=5)  # seen lately: probably connected
SOON = timedelta(seconds=5)  # between two prices of one session
FINAL_WITHIN = timedelta(minutes=15)  # of its end; later nobody stands at the display
ANSWER_WITHIN = timedelta(seconds=60)


def sweep(limit: int = 200) -> int:
    """Price what has news, write what is to be told. Returns how many sessions were priced."""
    now = timezone.now()
    running, ended = list(_running(now)[:limit]), list(_ended(now)[:limit])
    for session in running:
        _note_running(session, now)
    for session in ended:
        _note_final(session, now)
    return len(running) + len(ended)


def claim(connected: Container[UUID], limit: int = 500) -> list[CostNotice]:
    """Take what is to be told to connected stations; one gateway gets each, once."""
    now = timezone.now()
    due = CostNotice.objects.filter(
        Q(state=State.WAITING) | Q(state=State.SENT, sent_at__lt=now - ANSWER_WITHIN)
    )
    there = [pk for pk, station in due.values_list("pk", "station_id")[:limit] if station in connected]
    taken = [pk for pk in there if due.filter(pk=pk).update(state=State.SENT, sent_at=now)]
    notices: QuerySet[CostNotice] = CostNotice.objects.filter(pk__in=taken)
    return list(notices.select_related("session__connector__evse"))


def told(notice: CostNotice) -> None:
    """The station shows it."""
    now = timezone.now()
    CostNotice.objects.of(notice.organisation_id).filter(pk=notice.pk, state=State.SENT).update(
        state=State.TOLD, told_at=now, told_cost=notice.cost.amount, price_told_at=notice.price_told_at or now
    )


def untold(notice: CostNotice) -> None:
    """It did not answer: there will be news to try again with."""
    CostNotice.objects.of(notice.organisation_id).filter(pk=notice.pk, state=State.SENT).update(
        state=State.TOLD
    )


def refused(notice: CostNotice, answer: str) -> None:
    """The station knows nothing of costs: remember that, and leave it alone."""
    StationDisplay.objects.update_or_create(
        organisation_id=notice.organisation_id,
        station_id=notice.station_id,
        defaults={"refused_at": timezone.now(), "refusal": answer[:100]},
    )
    untold(notice)


def _running(now: datetime) -> QuerySet[ChargingSession]:
    every = timedelta(seconds=settings.CHARGING_COST_EVERY_S)
    noted = Q(cost_notice__state=State.TOLD)
    due = noted & Q(cost_notice__priced_at__lt=now - every)
    news = noted & Q(cost_notice__priced_at__lt=now - SOON, last_reading_at__gt=F("cost_notice__as_of"))
    running: QuerySet[ChargingSession] = (
        _shown(now)
        .filter(Q(cost_notice=None) | due | news, state=ChargingSession.State.ACTIVE)
        .exclude(tariff_version=None)
        .exclude(transaction_id=None)
        .order_by("started_at")
    )
    return running


def _ended(now: datetime) -> QuerySet[ChargingSession]:
    """Priced a moment ago, and the station does not show it yet."""
    open_ = Q(cost_notice=None) | Q(cost_notice__kind=Kind.RUNNING)
    ended: QuerySet[ChargingSession] = _shown(now).filter(
        open_, state=ChargingSession.State.PRICED, ended_at__gt=now - FINAL_WITHIN
    )
    return ended


def _shown(now: datetime) -> QuerySet[ChargingSession]:
    """Sessions of drivers at stations that are there and have not refused since they booted."""
    display = Q(station__display=None) | Q(station__boot_at__gt=F("station__display__refused_at"))
    good = (ChargingSession.Quality.GOOD, ChargingSession.Quality.RELEASED)
    shown: QuerySet[ChargingSession] = ChargingSession.objects.filter(
        display,
        quality__in=good,
        source=ChargingSession.Source.OCPP,
        settled_elsewhere=False,
        station__last_seen_at__gt=now - PRESENT,
    ).select_related("connector__evse__station__site", "tariff_version", "cost_notice")
    return shown


def _note_running(session: ChargingSession, now: datetime) -> None:
    try:
        price = running_price(session, now)
    except pricing.PricingError:
        return  # the quality gate says what is wrong with it
    before: CostNotice | None = getattr(session, "cost_notice", None)
    if before is None or before.told_at is None or _is_worth_telling(before, price.total.gross, now):
        _write(session, Kind.RUNNING, price.total.gross, price.currency, now)
    else:
        CostNotice.objects.of(session.organisation_id).filter(pk=before.pk).update(priced_at=now, as_of=now)


def _is_worth_telling(before: CostNotice, cost: Decimal, now: datetime) -> bool:
    """A step of the currency more, or anything more after a while."""
    told_at = before.told_at or before.priced_at
    changed = abs(cost - before.told_cost)
    step = Decimal(settings.CHARGING_COST_STEP)
    old = told_at <= now - timedelta(seconds=settings.CHARGING_COST_EVERY_S)
    return changed >= step or (old and changed > 0)


def _note_final(session: ChargingSession, now: datetime) -> None:
    priced = (
        PricedSession.objects.of(session.organisation_id)
        .filter(session=session)
        .order_by("-revision")
        .first()
    )
    if priced is not None:
        _write(session, Kind.FINAL, priced.gross.amount, str(priced.gross.currency), now)


def _write(session: ChargingSession, kind: str, cost: Decimal, currency: str, now: datetime) -> None:
    """The notice, unless one is on its way at this moment."""
    known = session.last_register_wh if session.meter_end_wh is None else session.meter_end_wh
    content = {
        "kind": kind,
        "state": State.WAITING,
        "cost": cost,
        "currency": currency,
        "meter_wh": session.meter_start_wh if known is None else known,
        "charging_state": _charging_state(session),
        "price": _price(session, now),
        "as_of": session.ended_at or now,
        "priced_at": now,
    }
    mine = CostNotice.objects.of(session.organisation_id).filter(session=session)
    if not mine.exclude(state=State.SENT).update(**content) and not mine.exists():
        CostNotice.objects.bulk_create(
            [
                CostNotice(
                    organisation_id=session.organisation_id,
                    session=session,
                    station_id=session.station_id,
                    **content,
                )
            ],
            ignore_conflicts=True,
        )


def _charging_state(session: ChargingSession) -> str:
    last = SessionState.objects.of(session.organisation_id).filter(session=session).order_by("at").last()
    return str(last.state) if last is not None else str(SessionState.State.CHARGING)


def _price(session: ChargingSession, now: datetime) -> dict[str, str]:
    if session.tariff_version is None:
        return {}
    tariff = tariff_of(session.tariff_version)
    evse = session.connector.evse
    moment = Moment(
        session.ended_at or now,
        evse.station.site.time_zone,
        max(session.energy_wh, 0),
        max(int(((session.ended_at or now) - session.started_at).total_seconds()), 0),
        evse.power_type,
    )
    return to_json(price_now(tariff, moment), tariff.currency)
