"""The price engine: plain Python, no framework, no I/O, no clock."""

from typing import Any


class Tariff:
    currency: str

    @classmethod
    def from_json(cls, document: Any) -> "Tariff":
        raise NotImplementedError


class PricingError(ValueError):
    pass
