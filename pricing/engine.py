"""The one function that prices everything."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pricing.compiled import compile_tariff
from pricing.errors import PricingError
from pricing.result import PricedSession
from pricing.rounding import HALF_UP, Policy
from pricing.session import Session
from pricing.settle import settle
from pricing.steps import round_up_to_steps
from pricing.tariff import Tariff
from pricing.timetable import zone_of
from pricing.walk import Walker


def price(
    tariff: Tariff,
    session: Session,
    zone: str | ZoneInfo,
    *,
    policy: Policy = HALF_UP,
    reservation_expired: bool = False,
) -> PricedSession:
    """Price one session by one tariff version on the wall clock of `zone`, the site's IANA time zone.

    `reservation_expired`: the driver never came; RESERVATION_EXPIRES elements apply and no session fee.
    Raises PricingError for a missing tariff or session and for an unknown zone.
    """
    if not isinstance(tariff, Tariff):
        raise PricingError(
            "tariff", "is missing; a session without a tariff has no price, not a price of zero"
        )
    if not isinstance(session, Session):
        raise PricingError("session", "is missing; give a pricing.Session")
    compiled = compile_tariff(tariff, zone_of(zone) if isinstance(zone, str) else zone)
    track = session.track
    walker = Walker(compiled, track, expired=reservation_expired)
    round_up_to_steps(walker.walk())
    charged = track.charging is not None and not reservation_expired
    return settle(compiled, track, walker, policy, limited=charged)
