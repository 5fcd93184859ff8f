"""Rating: each session gets its tariff version at the start and its price at the end, once.

The sweeps are the truth: any number may run side by side, a repeat changes nothing, and a session that can't
be priced is held for review with the reason and stops nobody else's.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import OperationalError, transaction
from django.db.models import QuerySet

import pricing
from charging import quality, signals
from charging.facts import Facts, as_priced, gather
from charging.models import ChargingSession, PricedSession
from charging.plausibility import Finding
from charging.price_line import price_line
from tariffs.assignment import MissingTariff, version_in_force
from tariffs.models import TariffVersion

log = logging.getLogger(__name__)

NO_TARIFF = "no_tariff"
NOT_PRICEABLE = "not_priceable"
RATING_FAILED = "rating_failed"
TARIFFS_KEPT = 4096
_tariffs: dict[UUID, pricing.Tariff] = {}

State = ChargingSession.State
Quality = ChargingSession.Quality


def pin_tariff(session: ChargingSession) -> TariffVersion:
    """The version that prices this session: the one in force at its start, kept on the row once found.

    Depends on the start alone, so a late pinning gives the same. Raises MissingTariff.
    """
    if session.tariff_version is not None:
        return session.tariff_version
    version = session.tariff_version = _version_at_start(session)
    ChargingSession.objects.of(session.organisation_id).filter(pk=session.pk, tariff_version=None).update(
        tariff_version=version
    )
    return version


def rate(session: ChargingSession) -> PricedSession | None:
    """Price an ended session, or hold it; returns the price, also of a session that has one already.

    None: it is held or waived, still runs, or is being rated elsewhere at this moment.
    """
    with transaction.atomic():
        row = _locked(session.organisation_id, session.pk, ChargingSession.objects.to_rate())
        if row is None:
            return PricedSession.objects.of(session.organisation_id).filter(session=session).first()
        return _rate_locked(row)


def running_price(session: ChargingSession, at: datetime) -> pricing.PricedSession:
    """What the session costs until `at`, by the function that makes the bill; its final price once ended.

    Raises MissingTariff, or PricingError where its registers can't be priced.
    """
    return price_of(session, gather(session), until=at)


def price_of(session: ChargingSession, facts: Facts, until: datetime | None = None) -> pricing.PricedSession:
    """Price facts by the session's own tariff version and its site's time zone."""
    version = session.tariff_version or _version_at_start(session)
    zone = session.connector.evse.station.site.time_zone
    return pricing.price(tariff_of(version), as_priced(facts, until), zone)


def _version_at_start(session: ChargingSession) -> TariffVersion:
    return version_in_force(session.connector, session.started_at, session.driver_id)


def priced_row(
    session: ChargingSession, version: TariffVersion, facts: Facts, result: pricing.PricedSession
) -> PricedSession:
    """The unsaved row that keeps `result`."""
    line, total = price_line(result), result.total
    return PricedSession(
        organisation_id=session.organisation_id,
        session=session,
        tariff_version=version,
        policy=result.policy,
        energy_wh=facts.energy_wh,
        duration_s=facts.duration_s or 0,
        currency=result.currency,
        energy=line.energy,
        time=line.time,
        parking=line.parking,
        fees=line.fees,
        net=total.net,
        tax=total.tax,
        gross=total.gross,
        result=result.to_json(explain=True),
    )


def tariff_of(version: TariffVersion) -> pricing.Tariff:
    """The version's tariff, parsed and compiled once a process: versions never change."""
    tariff = _tariffs.get(version.pk)
    if tariff is None:
        if len(_tariffs) >= TARIFFS_KEPT:
            _tariffs.clear()
        tariff = _tariffs[version.pk] = version.parsed()
    return tariff


def pin_sweep(limit: int = 1000) -> int:
    """Pin the tariff of every session that has none yet; hold those for which there is none. How many."""
    return _each(ChargingSession.objects.to_pin(), _pin_locked, limit)


def sweep(limit: int = 1000) -> int:
    """Judge and price the sessions that ended, oldest first. Returns how many were looked at."""
    return _each(ChargingSession.objects.to_rate().order_by("ended_at"), _rate_locked, limit)


def _each(waiting: QuerySet[ChargingSession], work: Callable[[ChargingSession], object], limit: int) -> int:
    """Do `work` on each waiting session in a transaction of its own, rechecked under lock."""
    done = 0
    for organisation_id, pk in list(waiting.values_list("organisation_id", "pk")[:limit]):
        try:
            with transaction.atomic():
                session = _locked(organisation_id, pk, waiting)
                if session is not None:
                    work(session)
                    done += 1
        except OperationalError:
            raise  # the database is away: nothing is wrong with the session
        except Exception as error:
            log.exception("session %s can't be rated", pk)
            _hold_failed(organisation_id, pk, error)
    return done


def _locked(organisation_id: UUID, pk: UUID, waiting: QuerySet[ChargingSession]) -> ChargingSession | None:
    """The session if it still waits and nobody else has it.

    FOR UPDATE, not FOR NO KEY UPDATE: it waits out facts that are being written (see `late_facts`).
    """
    return (
        waiting.filter(organisation=organisation_id, pk=pk)
        .select_related("connector__evse__station__site", "tariff_version")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )


def _pin_locked(session: ChargingSession) -> None:
    try:
        pin_tariff(session)
    except MissingTariff as missing:
        quality.hold(session, [Finding(NO_TARIFF, {"message": str(missing)})])


def _rate_locked(session: ChargingSession) -> PricedSession | None:
    facts = gather(session)
    found = quality.judge(session, facts) if session.quality == Quality.GOOD else []
    if not found:
        try:
            return _price_locked(session, facts)
        except MissingTariff as missing:
            found = [Finding(NO_TARIFF, {"message": str(missing)})]
        except pricing.PricingError as error:
            found = [Finding(NOT_PRICEABLE, {"field": error.field, "message": error.message})]
    quality.hold(session, found)
    return None


def _price_locked(session: ChargingSession, facts: Facts) -> PricedSession:
    version = pin_tariff(session)
    priced = priced_row(session, version, facts, price_of(session, facts))
    priced.save(force_insert=True)
    session.state = State.PRICED
    session.save(update_fields=["state"])
    told = {
        "organisation_id": session.organisation_id,
        "session_id": session.pk,
        "settled_elsewhere": session.settled_elsewhere,
    }
    transaction.on_commit(lambda: signals.session_completed.send_robust(ChargingSession, **told))
    return priced


def _hold_failed(organisation_id: UUID, pk: UUID, error: Exception) -> None:
    """Take a session that raised out of the sweep's way, with what it raised as evidence."""
    with transaction.atomic():
        session = _locked(organisation_id, pk, ChargingSession.objects.all())
        if session is not None and session.state != State.PRICED:
            quality.hold(
                session, [Finding(RATING_FAILED, {"error": f"{type(error).__name__}: {error}"[:500]})]
            )
