"""The price engine: plain Python, no framework, no I/O, no clock.

`price(tariff, session, zone)` prices the quote, the live cost, the bill, the roaming CDR and the replay.
"""

from pricing.amounts import Amounts, ExactAmounts
from pricing.engine import price
from pricing.errors import PricingError
from pricing.lint import Finding, lint
from pricing.planned import planned, quote
from pricing.result import Line, PricedSession, TaxTotal, Unpriced
from pricing.rounding import FLOOR, HALF_UP, POLICIES, Policy
from pricing.session import Session, State
from pricing.tariff import Tariff

__all__ = [
    "FLOOR",
    "HALF_UP",
    "POLICIES",
    "Amounts",
    "ExactAmounts",
    "Finding",
    "Line",
    "Policy",
    "PricedSession",
    "PricingError",
    "Session",
    "State",
    "Tariff",
    "TaxTotal",
    "Unpriced",
    "lint",
    "planned",
    "price",
    "quote",
]
