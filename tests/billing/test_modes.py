"""PAYMENTS_MODE decides which Stripe is asked; a key or a host of another mode is refused."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from moneyed import Money
from pytest_django import Settings

from billing import minor_units, stripe_client

ZERO = "sk_test_" + "0" * 24
TEST = "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"
LIVE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"


@pytest.mark.parametrize(
    ("mode", "test_key", "live_key", "names"),
    [
        ("fake", TEST, "", "STRIPE_TEST_SECRET_KEY"),
        ("fake", LIVE, "", "STRIPE_TEST_SECRET_KEY"),
        ("test", ZERO, "", "STRIPE_TEST_SECRET_KEY"),
        ("test", LIVE, "", "STRIPE_TEST_SECRET_KEY"),
        ("test", "", LIVE, "STRIPE_TEST_SECRET_KEY"),
        ("live", TEST, TEST, "STRIPE_LIVE_SECRET_KEY"),
        ("live", TEST, "", "STRIPE_LIVE_SECRET_KEY"),
        ("staging", ZERO, "", "PAYMENTS_MODE"),
    ],
)
def test_a_key_of_another_mode_is_refused(
    settings: Settings, mode: str, test_key: str, live_key: str, names: str
) -> None:
    settings.PAYMENTS_MODE, settings.STRIPE_API_HOST = mode, None
    settings.STRIPE_TEST_SECRET_KEY, settings.STRIPE_LIVE_SECRET_KEY = test_key, live_key
    with pytest.raises(ImproperlyConfigured, match=names):
        stripe_client.client()


@pytest.mark.parametrize(
    "url", ["https://api.stripe.com", "http://10.0.0.1:12111", "http://example.test", "nonsense"]
)
def test_the_local_stripe_is_on_this_machine(settings: Settings, url: str) -> None:
    settings.PAYMENTS_MODE, settings.STRIPE_TEST_SECRET_KEY, settings.FAKESTRIPE_URL = "fake", ZERO, url
    with pytest.raises(ImproperlyConfigured, match="FAKESTRIPE_URL"):
        stripe_client.client()


@pytest.mark.parametrize(("mode", "key"), [("test", TEST), ("live", LIVE)])
def test_nobody_stands_between_us_and_stripe(settings: Settings, mode: str, key: str) -> None:
    settings.PAYMENTS_MODE, settings.STRIPE_API_HOST = mode, "http://127.0.0.1:1"
    settings.STRIPE_TEST_SECRET_KEY = settings.STRIPE_LIVE_SECRET_KEY = key
    with pytest.raises(ImproperlyConfigured, match="STRIPE_API_HOST"):
        stripe_client.client()
    settings.STRIPE_API_HOST = None
    assert stripe_client.client() is stripe_client.client()
    assert stripe_client.host() is None


@pytest.mark.parametrize(
    ("amount", "currency", "minor"), [("12.34", "EUR", 1234), ("1234", "JPY", 1234), ("1.234", "KWD", 1234)]
)
def test_minor_units_round_trip(amount: str, currency: str, minor: int) -> None:
    money = Money(amount, currency)
    assert minor_units.to_minor(money) == minor
    assert minor_units.from_minor(minor, currency.lower()) == money


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "EUR"), ("0.5", "JPY"), ("0.0001", "KWD")])
def test_an_amount_finer_than_the_currency_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        minor_units.to_minor(Money(amount, currency))


def test_three_decimal_amounts_are_charged_in_tens() -> None:
    assert minor_units.chargeable(Money("1.239", "KWD")) == Money("1.230", "KWD")
    assert minor_units.chargeable(Money("1.23", "EUR")) == Money("1.23", "EUR")
