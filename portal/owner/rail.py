"""The owner's rail: which pages there are, and who may open each."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Role


@dataclass(frozen=True)
class Entry:
    """A page of the rail. `name` is its URL's name and what a view says as `here`; no roles: every role."""

    name: str
    words: str | Promise
    icon: str
    roles: tuple[str, ...] = ()


ENTRIES = (
    Entry("today", _("Today"), "chart"),
    Entry("revenue", _("Revenue"), "book", (Role.OWNER, Role.MANAGER, Role.ACCOUNTANT, Role.VIEWER)),
    Entry("sessions", _("Sessions"), "list"),
    Entry("stations", _("Stations"), "station"),
    Entry("uptime", _("Uptime"), "clock"),
    Entry("maintenance", _("Maintenance"), "warn"),
    Entry("prices", _("Prices"), "bolt"),
    Entry("forecast", _("Forecast"), "history"),
    Entry("placement", _("Placement"), "pin"),
    Entry("api-keys", _("API keys"), "lock", (Role.OWNER, Role.MANAGER)),
    Entry("month-end", _("Month end"), "book", (Role.OWNER, Role.ACCOUNTANT)),
)


def rail_of(membership: Membership) -> list[tuple[Entry, str]]:
    """The entries that the member may open, each with its URL."""
    own = [entry for entry in ENTRIES if not entry.roles or membership.role in entry.roles]
    slug = membership.organisation.slug
    return [(entry, reverse(f"portal:{entry.name}", args=[slug])) for entry in own]
