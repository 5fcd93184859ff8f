"""Money columns: several amounts of a row share one currency column, so that they can't disagree."""

from typing import Any, cast

from django.db import models
from djmoney.models.fields import MoneyField as DjangoMoneyField

AMOUNT_DIGITS = {"max_digits": 19, "decimal_places": 4}  # ISO 4217 knows up to four decimals


class MoneyField(DjangoMoneyField):
    """django-money's field, with its currency in the row's one `currency` column."""

    _pyi_private_set_type: Any  # django-stubs would take it for a plain DecimalField
    _pyi_private_get_type: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs = {**AMOUNT_DIGITS, "currency_field_name": "currency", "default_currency": None, **kwargs}
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    def add_currency_field(self, cls: type[models.Model], name: str) -> None:
        """Add the currency column once a model; django-money would add it for every amount."""
        shared = [field for field in cls._meta.local_fields if field.name == self.currency_field_name]
        if shared:
            self._currency_field = cast(Any, shared[0])
        else:
            super().add_currency_field(cls, name)  # type: ignore[no-untyped-call]
