"""System checks: what `manage.py check` says about the machine that evbilling runs on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from evbilling.embedded import Postgres, Valkey, run_dir
from evbilling.embedded.packages import HARFBUZZ, PANGO, install_line


@register()
def libraries_of_pdfs(**_: Any) -> list[CheckMessage]:
    """WeasyPrint loads Pango when a PDF is made; say before that it is missing."""
    found: list[CheckMessage] = []
    if not PANGO.is_there():
        hint = f"Type: {install_line([PANGO])}"
        found.append(Error("Pango is missing: no PDF can be made.", hint=hint, id="evbilling.E001"))
    if not HARFBUZZ.is_there():
        hint = f"Type: {install_line([HARFBUZZ])}"
        found.append(Warning("libharfbuzz-subset is missing: PDFs are slow.", hint=hint, id="evbilling.W001"))
    return found


@register(Tags.security, deploy=True)
def services_of_their_own(**_: Any) -> list[CheckMessage]:
    """The embedded services are for one machine and one person, not for production."""
    found: list[CheckMessage] = []
    host = settings.DATABASES["default"].get("OPTIONS", {}).get("host")
    if host == str(Postgres(run_dir() / "postgres").socket_dir):
        hint = "Set DATABASE_URL to a PostgreSQL that is backed up and watched."
        found.append(Warning("The database is the embedded one.", hint=hint, id="evbilling.W002"))
    if Valkey(run_dir() / "valkey").url() == settings.REDIS_URL:
        hint = "Set REDIS_URL to a Redis or Valkey that is watched."
        found.append(Warning("Queue and cache are the embedded ones.", hint=hint, id="evbilling.W003"))
    return found


@register(Tags.security, deploy=True)
def nothing_of_development(**_: Any) -> list[CheckMessage]:
    """Defaults that suit `make run` and would be wrong where real people pay."""
    found: list[CheckMessage] = []
    if settings.SECRET_KEY.startswith("evbilling-development-key"):
        hint = "Set SECRET_KEY to 50 random characters or more."
        found.append(Error("SECRET_KEY is the one from the source code.", hint=hint, id="evbilling.E002"))
    if settings.PAYMENTS_MODE == "fake":
        hint = "Set PAYMENTS_MODE to live, or to test for a trial installation."
        found.append(Warning("Payments go to the local Stripe.", hint=hint, id="evbilling.W004"))
    return found
