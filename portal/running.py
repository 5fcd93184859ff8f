"""What running sessions have come to so far, by the function that makes the bill."""

import logging
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.core.cache import cache

import pricing
from charging.models import ChargingSession
from charging.price_line import price_line
from charging.rating import running_price
from portal.cost import Shares
from tariffs.assignment import MissingTariff

log = logging.getLogger(__name__)

FRESH_S = 5


def costs_so_far(sessions: Iterable[ChargingSession], at: datetime) -> dict[UUID, Shares]:
    """Session -> its shares until `at`; those that can't be priced are left out.

    A figure stands for five seconds or until the next reading, so that many viewers cost one pricing.
    """
    wanted = {_key(session): session for session in sessions}
    known: dict[str, Shares] = cache.get_many(wanted)
    missing = {key: _price(session, at) for key, session in wanted.items() if key not in known}
    priced = {key: shares for key, shares in missing.items() if shares is not None}
    if priced:
        cache.set_many(priced, FRESH_S)
    return {wanted[key].pk: shares for key, shares in (known | priced).items()}


def _key(session: ChargingSession) -> str:
    reading = session.last_reading_at
    return f"running:{session.pk}:{reading.timestamp() if reading else 0}"


def _price(session: ChargingSession, at: datetime) -> Shares | None:
    try:
        return shares_of_result(running_price(session, at))
    except (MissingTariff, pricing.PricingError) as error:
        log.warning("session %s has no running price: %s", session.pk, error)
        return None


def shares_of_result(result: pricing.PricedSession) -> Shares:
    """The shares of what the engine answered."""
    line = price_line(result)
    return Shares(result.currency, line.energy, line.time, line.parking, line.fees, Decimal(result.total.tax))
