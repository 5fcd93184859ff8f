"""A driver's saved card: kept at Stripe, known here by its brand and last four digits."""

from uuid import UUID

from django.db import transaction

from accounts.models import Driver
from billing import recovery, steps, stripe_archive, stripe_calls
from billing.models import PaymentProfile
from billing.stripe_client import Obj


def start_card_setup(driver: Driver, success_url: str, cancel_url: str) -> str:
    """URL of the hosted page that saves a card. Raises StripeUnreachable or StripeRefused."""
    profile = _with_customer(driver)
    checkout = stripe_calls.create_checkout(
        {
            "mode": "setup",
            "customer": profile.customer_id,
            "payment_method_types": ["card"],
            "client_reference_id": str(driver.pk),
            "metadata": {"evbilling_driver": str(driver.pk)},
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
    )
    return str(checkout["url"])


def _with_customer(driver: Driver) -> PaymentProfile:
    profile, _ = PaymentProfile.objects.get_or_create(driver=driver)
    if profile.customer_id:
        return profile
    params = {
        "email": driver.email or (driver.user.email if driver.user else ""),
        "name": driver.name,
        "metadata": {"evbilling_driver": str(driver.pk)},
    }
    told = {name: value for name, value in params.items() if value}
    customer = stripe_calls.create_customer(told, f"customer-{profile.pk}")
    stripe_archive.keep_customer(customer)
    return _remember(driver.pk, customer_id=customer["id"])


@transaction.atomic
def _remember(driver_id: UUID, **fields: str) -> PaymentProfile:
    profile = PaymentProfile.objects.select_for_update().get(driver=driver_id)
    for name, value in fields.items():
        setattr(profile, name, value)
    profile.save(update_fields=[*fields, "changed_at"])
    return profile


def observe_setup(checkout: Obj) -> PaymentProfile | None:
    """Take the card of a completed Checkout in setup mode, as retrieved; None if it is not ours."""
    driver_id = (checkout.get("metadata") or {}).get("evbilling_driver")
    setup = checkout.get("setup_intent")
    profile = PaymentProfile.objects.filter(
        driver=driver_id, customer_id=checkout.get("customer") or "-"
    ).first()
    if profile is None or not isinstance(setup, dict) or setup["status"] != "succeeded":
        return None
    method = setup["payment_method"]
    return adopt(profile, method if isinstance(method, dict) else stripe_calls.retrieve_method(method))


def refresh(driver: Driver) -> PaymentProfile | None:
    """Take the card that was saved last, e.g. when the driver is back before the webhook."""
    profile = PaymentProfile.objects.filter(driver=driver).exclude(customer_id="").first()
    if profile is None:
        return None
    cards = stripe_calls.cards_of(profile.customer_id)
    if not cards:
        return _forget(profile)
    return profile if cards[0]["id"] == profile.payment_method_id else adopt(profile, cards[0])


def adopt(profile: PaymentProfile, method: Obj) -> PaymentProfile:
    """Charge sessions to this card from now on, and those that failed for want of one."""
    if method["type"] != "card" or method["customer"] != profile.customer_id:
        raise ValueError(f"payment_method: {method['id']} is no card of customer {profile.customer_id}")
    card = method["card"]
    stripe_archive.keep_method(method)
    profile = _remember(
        profile.driver_id,
        payment_method_id=method["id"],
        card_brand=card["brand"] or "",
        card_last4=card["last4"] or "",
        card_expires=f"{card['exp_month']:02}/{card['exp_year']}",
    )
    for payment in recovery.card_saved(profile.driver_id):
        steps.advance(payment.organisation_id, payment.pk)
    return profile


def remove_card(driver: Driver) -> None:
    """Forget the driver's card, here and at Stripe."""
    profile = PaymentProfile.objects.filter(driver=driver).exclude(payment_method_id="").first()
    if profile is not None:
        stripe_calls.detach_method(profile.payment_method_id)
        _forget(profile)


def _forget(profile: PaymentProfile) -> PaymentProfile:
    return _remember(profile.driver_id, payment_method_id="", card_brand="", card_last4="", card_expires="")
