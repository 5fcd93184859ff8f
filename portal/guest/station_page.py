"""What a station's public page says: its ports, and what charging costs before anything is asked."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from moneyed import Money

import pricing
from accounts.models import RegistryKey
from charging.rating import tariff_of
from portal.charts import PriceLine
from portal.cost import Shares
from portal.guest.coming import ComingPrice, coming_prices
from portal.ports import Port, ports_of
from portal.running import shares_of_result
from portal.tariff_words import PriceWord, price_words
from revenue.maintenance import windows
from stations.models import Connector, PlannedWindow, Station
from tariffs.assignment import MissingTariff, version_in_force

TYPICAL_WH = {"AC": 11_000, "DC": 30_000}
LARGEST_WH = {"AC": 60_000, "DC": 75_000}
PARKED_AT_MOST_S = 3600
USUAL_POWER_W = {"AC": 11_000, "DC": 100_000}
ANNOUNCED_BEFORE = timedelta(days=1)
USUAL_SHARE_OF_POWER = 80  # percent of the rated power that a car takes on average


@dataclass(frozen=True)
class Example:
    """The price of a typical session started now."""

    energy_wh: int
    duration_s: int
    shares: Shares
    line: PriceLine


@dataclass(frozen=True)
class PortOffer:
    """A port with its prices; none if nobody has set one, and then nobody can start here."""

    port: Port
    prices: tuple[PriceWord, ...]
    tariff_id: UUID | None
    example: Example | None
    hold: Money | None
    coming: list[ComingPrice] = field(default_factory=list)

    @property
    def can_start(self) -> bool:
        """Free, and priced."""
        return self.port.can_start and bool(self.prices)


@dataclass(frozen=True)
class StationPage:
    """A station, its offers, and the local time that the prices are of."""

    station: Station
    offers: list[PortOffer]
    local_time: datetime
    notices: tuple[str, ...] = ()

    @property
    def price_groups(self) -> list[tuple[PortOffer, list[PortOffer]]]:
        """Offers with equal prices together, so that each price is said once."""
        groups: dict[tuple[object, str], list[PortOffer]] = {}
        for offer in self.offers:
            key = (offer.tariff_id, offer.port.connector.evse.power_type)
            groups.setdefault(key, []).append(offer)
        return [(offers[0], offers) for offers in groups.values()]


def station_of(code: str) -> Station | None:
    """The station that the registry knows by its public code."""
    known = RegistryKey.objects.filter(kind=RegistryKey.Kind.PUBLIC_CODE, key=code.upper()).first()
    if known is None:
        return None
    found: Station | None = (
        Station.objects.of(known.organisation_id)
        .filter(pk=known.target_id)
        .select_related("site", "organisation")
        .first()
    )
    return found


def page_of(station: Station, driver_id: UUID | None = None) -> StationPage:
    """The page of `station` as of now, with the prices that hold for this driver."""
    at = timezone.now()
    ports = ports_of(station.organisation, station=station)
    offers = _with_coming(station, [_offer(port, at, driver_id) for port in ports])
    notices = tuple(_notice(window, at, ZoneInfo(station.site.time_zone)) for window in _windows(station, at))
    return StationPage(station, offers, at.astimezone(ZoneInfo(station.site.time_zone)), notices)


def _windows(station: Station, at: datetime) -> list[PlannedWindow]:
    return windows.upcoming(station, at, ANNOUNCED_BEFORE)


def _notice(window: PlannedWindow, at: datetime, zone: ZoneInfo) -> str:
    """What drivers read of planned maintenance: since when or from when, and when it is back."""
    since, until = window.since.astimezone(zone), window.until.astimezone(zone)
    facts = {"since": date_format(since, "j M, H:i"), "until": date_format(until, "j M, H:i")}
    if window.evse is None:
        told = (
            _("Closed for maintenance, back at %(until)s.")
            if window.since <= at
            else _("Closed for maintenance from %(since)s to %(until)s.")
        )
    else:
        facts["number"] = str(window.evse.number)
        told = (
            _("Port %(number)s is closed for maintenance, back at %(until)s.")
            if window.since <= at
            else _("Port %(number)s is closed for maintenance from %(since)s to %(until)s.")
        )
    return f"{told % facts} {window.words}".strip()


def _with_coming(station: Station, offers: list[PortOffer]) -> list[PortOffer]:
    """The offers with what each price will be later; looked up once for each tariff version."""
    coming = {
        version: coming_prices(station, version) for version in {one.tariff_id for one in offers} if version
    }
    return [replace(one, coming=coming[one.tariff_id]) if one.tariff_id else one for one in offers]


def _offer(port: Port, at: datetime, driver_id: UUID | None) -> PortOffer:
    try:
        version = version_in_force(port.connector, at, driver_id)
        tariff = tariff_of(version)
        example = _example(port.connector, tariff, at)
        hold = hold_for(port.connector, tariff, at)
    except (MissingTariff, pricing.PricingError):
        return PortOffer(port, (), None, None, None)
    return PortOffer(port, price_words(version.document), version.pk, example, hold)


def hold_for(connector: Connector, tariff: pricing.Tariff, at: datetime) -> Money:
    """What to reserve on a guest's card: a full car and an hour parked, rounded up to a plain amount."""
    evse = connector.evse
    priced = _quote(connector, tariff, at, LARGEST_WH[evse.power_type], PARKED_AT_MOST_S)
    return Money(rounded_up(priced.total.gross), priced.currency)


def rounded_up(amount: Decimal) -> Decimal:
    """Up to a multiple of five in the second digit: 43.10 -> 45, 4120 -> 4500."""
    step = Decimal(5).scaleb(max(amount, Decimal(1)).adjusted() - 1)
    steps = (amount / step).to_integral_value(rounding=ROUND_CEILING)  # Decimal's // cuts towards zero
    return max(steps * step, step)


def _example(connector: Connector, tariff: pricing.Tariff, at: datetime) -> Example:
    energy_wh = TYPICAL_WH[connector.evse.power_type]
    shares = shares_of_result(_quote(connector, tariff, at, energy_wh))
    return Example(energy_wh, -(-energy_wh * 3600 // _power_w(connector)), shares, shares.line())


def _quote(
    connector: Connector, tariff: pricing.Tariff, at: datetime, energy_wh: int, parked_s: int = 0
) -> pricing.PricedSession:
    return pricing.quote(
        tariff,
        connector.evse.station.site.time_zone,
        at.replace(microsecond=0),
        energy_wh=energy_wh,
        power_w=_power_w(connector),
        parked_s=parked_s,
        evse_kind=connector.evse.power_type,
    )


def _power_w(connector: Connector) -> int:
    """The power that a usual car takes here, on average."""
    evse = connector.evse
    return min(evse.max_power_w, USUAL_POWER_W[evse.power_type]) * USUAL_SHARE_OF_POWER // 100
