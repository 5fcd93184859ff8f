"""The one error the price engine raises."""

from __future__ import annotations


class PricingError(ValueError):
    """Input that can't be priced. `field` is the JSON path of the offender, `message` says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
