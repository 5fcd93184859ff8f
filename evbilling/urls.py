"""The URL map: the admin, log-in, Stripe's webhooks, and the portal for everything people see."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/rq/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path(
        "", include("billing.urls")
    ),  # its webhook view stands in front of dj-stripe's, which only gives names
    path("api/", include("api.urls")),
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
    path("", include("portal.urls")),
]
