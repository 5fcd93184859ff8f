"""Numbers as people read them: by locale, with a real minus, the unit named."""

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from babel.numbers import get_currency_precision
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUS = "\N{MINUS SIGN}"
THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
WH_PER_KWH = 1000
MINUTE_S = 60
HOUR_S = 3600
PLAIN_NUMBER_UP_TO = 1000


@lru_cache(maxsize=256)
def minor_digits(currency: str) -> int:
    """Digits after the point in `currency`: EUR 2, JPY 0, KWD 3 (ISO 4217)."""
    return int(get_currency_precision(currency))


def number(value: Decimal | int, digits: int = 0) -> str:
    """A grouped number in the reader's locale."""
    text = str(formats.number_format(value, decimal_pos=digits, use_l10n=True, force_grouping=True))
    return text.replace("-", MINUS)


def amount(value: Decimal, currency: str) -> str:
    """An amount without its currency: `1,204.50`."""
    return number(value, minor_digits(currency))


def money(value: Decimal, currency: str) -> str:
    """An amount with its currency code: `1,204.50 EUR`."""
    return f"{amount(value, currency)}{THIN_SPACE}{currency}"


def short_money(value: Decimal, currency: str) -> str:
    """A plain amount with its currency code: `45 EUR`, `4.50 EUR`."""
    digits = 0 if value == value.to_integral_value() else minor_digits(currency)
    return f"{number(value, digits)}{THIN_SPACE}{currency}"


def plain(value: Decimal) -> str:
    """A number with the digits it has, for an axis: `1,200`, `2.5`."""
    own_digits = -int(value.normalize().as_tuple().exponent) if value else 0
    return number(value, max(own_digits, 0))


def unit_price(value: Decimal, currency: str, per: str = "") -> str:
    """A price per unit, with as many digits as it has, at least the currency's: `0.4550 EUR/kWh`."""
    own_digits = -int(value.normalize().as_tuple().exponent) if value else 0
    text = f"{number(value, max(own_digits, minor_digits(currency)))}{THIN_SPACE}{currency}"
    return f"{text}/{per}" if per else text


def kwh(energy_wh: int, digits: int = 2) -> str:
    """Energy in kWh, without the unit."""
    return number(Decimal(energy_wh) / WH_PER_KWH, digits)


def duration(seconds: int) -> str:
    """`42 min`, `3 h 05 min`; under a minute in seconds."""
    if seconds < MINUTE_S:
        return _("%(count)s s") % {"count": seconds}
    hours, minutes = divmod(seconds // MINUTE_S, MINUTE_S)
    if not hours:
        return _("%(minutes)s min") % {"minutes": minutes}
    return _("%(hours)s h %(minutes)s min") % {"hours": number(hours), "minutes": f"{minutes:02d}"}


def duration_between(span: timedelta) -> str:
    """`duration` of a timedelta."""
    return duration(int(span.total_seconds()))


def sessions(count: int) -> str:
    """`1 session`, `1,204 sessions`."""
    return ngettext("%(count)s session", "%(count)s sessions", count) % {"count": number(count)}


def change(now: Decimal, before: Decimal) -> str:
    """The change from `before` to `now` in whole percent with its sign; empty where nothing compares."""
    if before == 0:
        return ""
    share = (now - before) * 100 / abs(before)
    sign = "+" if share > 0 else ""
    digits = 1 if abs(share) < 10 else 0
    return (
        f"{sign}{number(share, digits)}{THIN_SPACE}%" if abs(share) < PLAIN_NUMBER_UP_TO else _("much more")
    )
