"""How a sale of charging is taxed: as the tariff says, by reverse charge, or not at all by a small business.

Electricity for one's own use is taxed where it is used (VAT directive 2006/112, article 39), so a station's
country decides, not the fleet's: a fleet from abroad pays the tax of the country it charges in. The buyer owes
the tax instead where it resells the electricity (article 38: taxed where the reseller sits), or where the seller
is not established in the station's country and the buyer is registered there (articles 194 and 195).
"""

from dataclasses import dataclass
from decimal import Decimal

from accounts.models import Fleet
from accounts.vat_ids import EU, country_of
from billing.models import BuyerTax, SellerTax, SessionCharge
from charging.models import ChargingSession

Treatment = SessionCharge.Treatment

REVERSE_CHARGE, EXEMPT, ZERO, STANDARD = "AE", "E", "Z", "S"  # UNTDID 5305
REASONS = {
    REVERSE_CHARGE: ("Reverse charge: the buyer owes the VAT.", "VATEX-EU-AE"),
    EXEMPT: ("No VAT is charged: the seller is a small business (2006/112/EC, article 284).", ""),
}


@dataclass(frozen=True, slots=True)
class Sale:
    """What the treatment of a sale hangs on; countries as ISO 3166-1, `buyer` the one of a valid VAT id or ""."""

    seller: str
    place: str
    buyer: str
    resells: bool = False
    small_business: bool = False


def treatment(sale: Sale) -> str:
    if sale.small_business:
        return Treatment.EXEMPT
    if sale.buyer not in EU or sale.place not in EU or sale.seller not in EU:
        return Treatment.STANDARD
    resold_abroad = sale.resells and sale.buyer != sale.seller
    seller_is_foreign = sale.place != sale.seller and sale.buyer == sale.place and not sale.resells
    return Treatment.REVERSE_CHARGE if resold_abroad or seller_is_foreign else Treatment.STANDARD


def treatment_of(session: ChargingSession, fleet: Fleet | None) -> str:
    """How the sale of a session to `fleet`, or to its driver, is taxed from now on."""
    seller = session.organisation
    return treatment(
        Sale(
            seller=seller.country,
            place=session.connector.evse.station.site.country,
            buyer=country_of(fleet.vat_id) if fleet is not None else "",
            resells=fleet is not None
            and BuyerTax.objects.of(seller).filter(fleet=fleet, resells=True).exists(),
            small_business=SellerTax.objects.of(seller).filter(small_business=True).exists(),
        )
    )


def category_of(treated: str, rate: Decimal) -> str:
    """The tax category of EN 16931 (BT-151)."""
    if treated == Treatment.REVERSE_CHARGE:
        return REVERSE_CHARGE
    if treated == Treatment.EXEMPT:
        return EXEMPT
    return STANDARD if rate else ZERO


def reason_of(treated: str) -> str:
    """The sentence that the document must carry; empty for what is taxed as usual."""
    return REASONS.get(category_of(treated, Decimal(1)), ("", ""))[0]
