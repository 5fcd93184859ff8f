"""VAT ids: form and check digits, by python-stdnum; whether a number is in use only VIES knows."""

from django.core.exceptions import ValidationError
from stdnum.ch import vat as ch_vat
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError as Unreadable
from stdnum.gb import vat as gb_vat
from stdnum.no import mva as no_mva

EU_MEMBERS = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
EU = frozenset(EU_MEMBERS.split())
PREFIXES = {"EL": "GR", "XI": "GB"}  # what VAT ids begin with where it is no country code


def compact(vat_id: str) -> str:
    """'de 136 695 976' -> 'DE136695976'; no check."""
    return "".join(each for each in vat_id.upper() if each.isalnum())


def country_of(vat_id: str) -> str:
    """The ISO 3166-1 code of a valid VAT id's country; "" for what is none."""
    number = compact(vat_id)
    country = PREFIXES.get(number[:2], number[:2])
    return country if _is_valid(number, country) else ""


def _is_valid(number: str, country: str) -> bool:
    if country in EU:
        return bool(eu_vat.is_valid(number))
    if country == "GB":
        return bool(gb_vat.is_valid(number[2:]))
    if country == "CH":
        return bool(ch_vat.is_valid(number))
    if country == "NO":
        return bool(no_mva.is_valid(number))
    return False


def check(vat_id: str, country: str) -> str:
    """The VAT id, compact. Raises ValidationError naming `vat_id` for one that can't be, or is of another country.

    Countries whose numbers are not known here may write what they like.
    """
    number = compact(vat_id)
    if not number or country not in EU | {"GB", "CH", "NO"}:
        return vat_id.strip()
    try:
        found = country_of(number)
    except Unreadable:
        found = ""
    if not found:
        wrong = (
            f"{vat_id!r} is no VAT id: the country's letters and a number with valid check digits, please."
        )
        raise ValidationError({"vat_id": wrong})
    if found != country:
        raise ValidationError({"vat_id": f"{vat_id!r} is of {found}, the address is in {country}."})
    return number
