"""Register our webhook at Stripe, real or local. May be repeated."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billing import stripe_archive, stripe_client
from billing.stripe_client import StripeRefused, StripeUnreachable


class Command(BaseCommand):
    help = "Register the webhook endpoint for BASE_URL at Stripe (or the local Stripe); may be repeated"

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            url, made = stripe_archive.register_endpoint(settings.BASE_URL)
        except (StripeUnreachable, StripeRefused) as error:
            where = stripe_client.host() or "Stripe"
            raise CommandError(f"{where} (PAYMENTS_MODE={settings.PAYMENTS_MODE}): {error}") from error
        self.stdout.write(f"{'registered' if made else 'already registered'}: {url}")
