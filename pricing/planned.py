"""Sessions that have not happened yet: what will it cost?"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pricing.engine import price
from pricing.errors import PricingError
from pricing.result import PricedSession
from pricing.rounding import HALF_UP, Policy
from pricing.session import Session, State
from pricing.tariff import Tariff


def planned(
    start: datetime, *, energy_wh: int, power_w: int, parked_s: int = 0, evse_kind: str | None = None
) -> Session:
    """A session that charges `energy_wh` at a steady `power_w`, then stays parked for `parked_s` seconds.

    Charging takes whole seconds, the last one begun counts. Raises PricingError naming the parameter.
    """
    for name, value in (("energy_wh", energy_wh), ("power_w", power_w), ("parked_s", parked_s)):
        if value < 0:
            raise PricingError(name, "must not be negative")
    if power_w == 0 and energy_wh > 0:
        raise PricingError("power_w", "must be more than 0 to charge anything")
    charging_s = -(-energy_wh * 3600 // power_w) if energy_wh else 0
    length = charging_s + parked_s
    if length > 10 * 366 * 86_400:
        raise PricingError("energy_wh", "would take more than ten years at this power")
    return Session(
        start=start,
        end=start + timedelta(seconds=length),
        readings=((0, 0), (charging_s, energy_wh)),
        states=((0, State.CHARGING), (charging_s, State.PARKED)),
        evse_kind=evse_kind,
        powers_w=((0, power_w), (charging_s, 0)) if charging_s else ((0, 0),),
    )


def quote(
    tariff: Tariff,
    zone: str | ZoneInfo,
    start: datetime,
    *,
    energy_wh: int,
    power_w: int,
    parked_s: int = 0,
    evse_kind: str | None = None,
    policy: Policy = HALF_UP,
) -> PricedSession:
    """The price of a planned session, by the function that will price the real one."""
    session = planned(start, energy_wh=energy_wh, power_w=power_w, parked_s=parked_s, evse_kind=evse_kind)
    return price(tariff, session, zone, policy=policy)
