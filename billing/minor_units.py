"""Stripe counts in a currency's smallest unit; its rules for small amounts (docs.stripe.com/currencies)."""

from decimal import Decimal

from moneyed import Money

ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
MINIMUM = {
    "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250,
    "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300,
    "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip


def digits(currency: str) -> int:
    """Decimals of the currency's minor unit at Stripe."""
    code = currency.upper()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def to_minor(amount: Money) -> int:
    """12.34 EUR -> 1234. Raises ValueError for what the minor unit can't say."""
    scaled = amount.amount.scaleb(digits(str(amount.currency)))
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"amount: {amount.amount} {amount.currency} is finer than the currency's minor unit")
    return whole


def from_minor(minor: int, currency: str) -> Money:
    """1234, "eur" -> 12.34 EUR."""
    code = currency.upper()
    return Money(Decimal(minor).scaleb(-digits(code)), code)


def chargeable(amount: Money) -> Money:
    """The part of `amount` that Stripe takes: three-decimal currencies end in 0 there."""
    if str(amount.currency) not in THREE_DECIMAL:
        return amount
    minor = to_minor(amount)
    return from_minor(minor - minor % 10, str(amount.currency))


def below_minimum(amount: Money) -> bool:
    """Whether Stripe would refuse to charge so little. Unlisted currencies have a minimum of one unit."""
    return to_minor(amount) < MINIMUM.get(str(amount.currency), 1)


def zero(currency: str) -> Money:
    return Money(Decimal(0), currency)
