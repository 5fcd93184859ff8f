"""Currencies, minimum amounts and fees, in minor units. No floats, no conversion between currencies."""

from __future__ import annotations

from fakestripe.errors import StripeError, invalid

_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
ZERO_DECIMAL = frozenset(_ZERO_DECIMAL.split())
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
_TWO_DECIMAL = """
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf
cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr
ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn
myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp
sle sos srd std szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd yer zar zmw
"""
TWO_DECIMAL = frozenset(_TWO_DECIMAL.split())
MAXIMUM = 99_999_999

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
MINIMUM = {
    "usd": 50, "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}  # fmt: skip
SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥", "cad": "$", "aud": "$", "nzd": "$", "sgd": "$"}

# A plain fee table, near Stripe's European card prices: basis points and a fixed part in minor units.
FEE_BASIS_POINTS = 150
FIXED_FEE = {
    "eur": 25, "gbp": 20, "usd": 30, "chf": 30, "sek": 180, "nok": 200, "dkk": 180, "pln": 100, "czk": 650,
    "huf": 8500, "ron": 100, "cad": 30, "aud": 30, "nzd": 30, "sgd": 50, "hkd": 235,
}  # fmt: skip
DISPUTE_FEE = {"eur": 2000, "gbp": 2000, "usd": 1500, "chf": 2000, "jpy": 1300, "sek": 17500, "nok": 17500}


def known_currency(code: str, param: str = "currency") -> str:
    """The lower-case code, or Stripe's refusal."""
    currency = code.lower()
    if currency not in TWO_DECIMAL | ZERO_DECIMAL | THREE_DECIMAL:
        raise invalid(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            + ", ".join(sorted(TWO_DECIMAL | ZERO_DECIMAL | THREE_DECIMAL)),
            param=param,
        )
    return currency


def exponent(currency: str) -> int:
    """How many decimals a currency's minor unit has."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def decimal_text(amount: int, currency: str) -> str:
    """``1999, "eur"`` -> ``19.99``; exact for 0, 2 and 3 decimals."""
    places = exponent(currency)
    if places == 0:
        return str(amount)
    whole, part = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}.{part:0{places}d}"


def display(amount: int, currency: str) -> str:
    """For people: ``€19.99``, or ``19.99 KWD`` where there is no symbol."""
    symbol = SYMBOLS.get(currency)
    text = decimal_text(amount, currency)
    return f"{symbol}{text}" if symbol else f"{text} {currency.upper()}"


def chargeable(amount: int, currency: str, param: str = "amount") -> int:
    """An amount that can be charged, or Stripe's refusal."""
    if amount < 1:
        code = "parameter_invalid_integer"
        raise invalid("This value must be greater than or equal to 1.", code=code, param=param)
    least = MINIMUM.get(currency, 1)
    if amount < least:
        raise _too("small", f"Amount must be at least {display(least, currency)} {currency}", param)
    if amount > MAXIMUM:
        raise _too("large", f"Amount must be no more than {display(MAXIMUM, currency)}", param)
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid(
            f"Invalid amount: {amount}. In {currency.upper()} the last digit of a three-decimal amount must "
            "be 0.",
            code="parameter_invalid_integer",
            param=param,
        )
    return amount


def _too(what: str, message: str, param: str) -> StripeError:
    return invalid(message, code=f"amount_too_{what}", param=param)


def card_fee(amount: int, currency: str) -> int:
    """The fee of a card charge: a share, rounded half up, and a fixed part."""
    share = (amount * FEE_BASIS_POINTS + 5_000) // 10_000
    return min(amount, share + FIXED_FEE.get(currency, 0))


def dispute_fee(currency: str) -> int:
    """What a dispute costs, won or lost."""
    return DISPUTE_FEE.get(currency, 0)
