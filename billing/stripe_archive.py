"""What dj-stripe keeps for us: customers, payment methods, the event archive, the webhook endpoint.

A copy to look things up in, never the state of a payment. `djstripe` is imported here and nowhere else.
"""

import logging
from typing import Any
from uuid import UUID, uuid4

import stripe
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, transaction
from djstripe.models import APIKey, Customer, Event, PaymentMethod, WebhookEndpoint

from billing import stripe_client
from billing.stripe_client import Obj, ask

log = logging.getLogger(__name__)


def keep_customer(customer: Obj) -> None:
    _keep(Customer, customer)


def keep_method(method: Obj) -> None:
    _keep(PaymentMethod, method)


def keep_event(event: Obj) -> None:
    """Archive an event; none of dj-stripe's handlers run."""
    if not Event.objects.filter(id=event["id"]).exists():
        _keep(Event, event)


def _keep(model: Any, obj: Obj) -> None:
    """Copy `obj` into dj-stripe's tables. A copy that fails costs a line in the log, never a payment."""
    _aim()
    try:
        with transaction.atomic():
            model.sync_from_stripe_data(obj, api_key=stripe_client.secret_key())
    except (stripe.StripeError, DatabaseError, ObjectDoesNotExist, ValueError, KeyError) as error:
        log.warning("dj-stripe did not take %s %s: %s", model.__name__, obj.get("id"), error)


def _aim() -> None:
    """dj-stripe asks through stripe's module-wide settings: point them where our client points."""
    stripe.api_base = stripe_client.host() or stripe.DEFAULT_API_BASE
    stripe.max_network_retries = 0
    stripe.api_version = settings.STRIPE_API_VERSION


def secret_of(endpoint_id: UUID) -> str | None:
    """The signing secret of the webhook endpoint with this UUID, if it is one of this mode."""
    found = WebhookEndpoint.objects.filter(djstripe_uuid=endpoint_id, livemode=stripe_client.is_live())
    secret: str | None = found.exclude(secret="").values_list("secret", flat=True).first()
    return secret


def register_endpoint(base_url: str) -> tuple[str, bool]:
    """Make sure that Stripe sends its events to us; returns (URL, whether it was made now). May be repeated.

    Stripe tells an endpoint's secret only once: an endpoint whose secret we don't hold is replaced.
    """
    _aim()
    APIKey.objects.get_or_create_by_api_key(stripe_client.secret_key())
    prefix = f"{base_url.rstrip('/')}/stripe/webhook/"
    ours = [each for each in _endpoints() if each["url"].startswith(prefix) and each["status"] == "enabled"]
    for endpoint in ours:
        if _holds_secret(endpoint):
            return endpoint["url"], False
        _delete(endpoint["id"])
    return _create(prefix), True


def _endpoints() -> list[Obj]:
    return list(ask(lambda client: client.v1.webhook_endpoints.list({"limit": 100}))["data"])


def _holds_secret(endpoint: Obj) -> bool:
    return bool(WebhookEndpoint.objects.filter(id=endpoint["id"]).exclude(secret="").exists())


def _delete(endpoint_id: str) -> None:
    ask(lambda client: client.v1.webhook_endpoints.delete(endpoint_id))
    WebhookEndpoint.objects.filter(id=endpoint_id).delete()


def _create(prefix: str) -> str:
    uuid = uuid4()
    url = f"{prefix}{uuid}/"
    endpoint = ask(
        lambda client: client.v1.webhook_endpoints.create(
            {
                "url": url,
                "enabled_events": ["*"],
                "api_version": settings.STRIPE_API_VERSION,  # type: ignore[typeddict-item]  # a str setting
                "metadata": {"djstripe_uuid": str(uuid)},
            }
        )
    )
    WebhookEndpoint.sync_from_stripe_data(endpoint, api_key=stripe_client.secret_key())
    return url
