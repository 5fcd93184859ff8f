"""Stripe's webhook, and documents by signed link. Pages are the portal's."""

from django.urls import path

from billing import webhooks

app_name = "billing"
urlpatterns = [
    path("stripe/webhook/<uuid:uuid>/", webhooks.stripe_webhook, name="stripe_webhook"),
    path("documents/<str:signed>.pdf", webhooks.document, name="document"),
]
