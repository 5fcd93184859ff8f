"""How states look: text, icon and colour together, so that none of them carries the meaning alone."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Look:
    """A badge: its words, its icon in the sprite, its tone (`ok`, `busy`, `warn`, `bad` or none)."""

    text: str | Promise
    icon: str
    tone: str = ""


LOOKS: dict[str, Look] = {
    # ports, OCPP StatusNotification
    "available": Look(_("Free"), "check", "ok"),
    "preparing": Look(_("Plugged in"), "plug", "busy"),
    "charging": Look(_("Charging"), "bolt", "busy"),
    "suspendedev": Look(_("Car is full"), "pause", "warn"),
    "suspendedevse": Look(_("Paused"), "pause", "warn"),
    "finishing": Look(_("Finishing"), "clock", "busy"),
    "reserved": Look(_("Reserved"), "lock", "warn"),
    "unavailable": Look(_("Closed"), "dash"),
    "faulted": Look(_("Out of order"), "warn", "bad"),
    "online": Look(_("Online"), "check", "ok"),
    "offline": Look(_("Offline"), "cross", "bad"),
    "unknown": Look(_("Not known"), "info"),
    # money
    "paid": Look(_("Paid"), "check", "ok"),
    "held": Look(_("Held, not charged"), "lock", "busy"),
    "pending": Look(_("On its way"), "clock", "busy"),
    "confirm": Look(_("Confirm the payment"), "warn", "warn"),
    "partly_paid": Look(_("Paid in part"), "warn", "warn"),
    "carried": Look(_("With the next payment"), "clock"),
    "on_account": Look(_("On the next invoice"), "file"),
    "expired": Look(_("Not completed"), "cross"),
    "failed": Look(_("Payment failed"), "warn", "bad"),
    "refunded": Look(_("Refunded"), "back", ""),
    "partly_refunded": Look(_("Partly refunded"), "back", ""),
    "released": Look(_("Released"), "check", ""),
    "due": Look(_("To be paid"), "clock", "warn"),
    "free": Look(_("Free of charge"), "check", ""),
    "elsewhere": Look(_("Settled elsewhere"), "out", ""),
    "balanced": Look(_("Balanced"), "check", "ok"),
    "unbalanced": Look(_("Does not balance"), "warn", "bad"),
    # tags
    "valid": Look(_("In use"), "check", "ok"),
    "blocked": Look(_("Blocked"), "lock", "bad"),
    "revoked": Look(_("Revoked"), "cross"),
    # commands, and what stations were asked to keep
    "sent": Look(_("Sent, no answer yet"), "clock", "busy"),
    "waiting": Look(_("Waiting for the station"), "clock", "busy"),
    "accepted": Look(_("Accepted"), "check", "ok"),
    "rejected": Look(_("Rejected"), "cross", "bad"),
    "timed_out": Look(_("No answer"), "warn", "warn"),
    "station_offline": Look(_("Station offline"), "cross", "bad"),
    "requested": Look(_("Asked for"), "clock", "busy"),
    "refused": Look(_("Refused"), "cross", "bad"),
    "used": Look(_("Used"), "check", "ok"),
    "cancelled": Look(_("Cancelled"), "dash"),
    "over": Look(_("Over"), "dash"),
    "active": Look(_("In force"), "check", "ok"),
    "replaced": Look(_("Replaced"), "dash"),
    "cleared": Look(_("Lifted"), "dash"),
    "new": Look(_("Not sent yet"), "clock"),
    "sending": Look(_("On its way"), "clock", "busy"),
    "current": Look(_("Up to date"), "check", "ok"),
    "retrying": Look(_("To be sent again"), "warn", "warn"),
    "unsupported": Look(_("The station keeps no list"), "dash"),
    # sessions
    "idle": Look(_("Car is full"), "pause", "warn"),
    "running": Look(_("Charging now"), "bolt", "busy"),
    "completed": Look(_("Done"), "check", "ok"),
    "pricing": Look(_("Being priced"), "clock", "busy"),
    "review": Look(_("Being checked"), "info", "warn"),
    # uptime
    "down": Look(_("Down now"), "warn", "bad"),
    "reached": Look(_("Reached"), "check", "ok"),
    "missed": Look(_("Missed"), "warn", "warn"),
    "unmeasured": Look(_("Not measured"), "info"),
    "withdrawn": Look(_("Taken back"), "back"),
    # work orders and planned maintenance
    "nobody": Look(_("Nobody yet"), "clock", "warn"),
    "assigned": Look(_("Taken"), "account", "busy"),
    "works_again": Look(_("Works again"), "check", "ok"),
    "closed": Look(_("Closed"), "check"),
    "planned": Look(_("Planned"), "clock", "busy"),
    "underway": Look(_("Now"), "pause", "warn"),
    "window_over": Look(_("Over"), "check"),
    "called_off": Look(_("Called off"), "cross"),
}


def look_of(state: str) -> Look:
    """The look of `state`; one we have no words for shows its own name, plainly."""
    key = state.lower()
    return LOOKS.get(key) or Look(state.replace("_", " ").capitalize(), "info")


def theme_of(value: str) -> str:
    """`value` if it names a theme, else empty: follow the system."""
    return value if value in THEMES else ""
