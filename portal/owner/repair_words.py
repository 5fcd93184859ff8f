"""What a work order says: the sentence an owner would say first, and never a number without its basis."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from moneyed import Money

from portal import words
from stations.models import EVSE, WorkOrder

THIS_WEEK = timedelta(days=6)
PLAIN_FROM = 10


def sentence_of(order: WorkOrder, now: datetime) -> str:
    """`Port 2 at Harbour has been silent since Tuesday; that costs about 14 EUR a day, measured on 212 sessions.`"""
    return f"{what_is_wrong(order, now)}; {cost_of(order)}."


def what_is_wrong(order: WorkOrder, now: datetime) -> str:
    """The finding alone."""
    told: Mapping[str, object] = order.evidence
    facts = {
        "port": place_of(order.evse),
        "since": day_of(order.since, ZoneInfo(order.evse.station.site.time_zone), now),
    }
    if order.kind == WorkOrder.Kind.OUTAGE:
        text = _("%(port)s has been down since %(since)s") % facts
        codes = ", ".join(map(str, order.evidence.get("codes", [])))
        return f"{text} ({codes})" if codes else text
    if order.kind == WorkOrder.Kind.SILENT:
        return _("%(port)s has been silent since %(since)s") % facts
    if order.kind == WorkOrder.Kind.DERATED:
        facts |= {name: kilowatts(told[name]) for name in ("usual_w", "now_w")}
        return _("%(port)s has given at most %(now_w)s since %(since)s, where %(usual_w)s was usual") % facts
    facts |= {name: str(told[name]) for name in ("failed", "attempts", "days")}
    return _("%(failed)s of %(attempts)s starts at %(port)s failed in %(days)s days") % facts


def cost_of(order: WorkOrder) -> str:
    """What it costs a day and on what that was measured, or that nobody can say."""
    if order.loss_per_day is None or not order.basis:
        return _("what it costs is not known, for nobody paid here in the eight weeks before")
    count = int(order.basis["sessions"])
    return ngettext(
        "that costs about %(loss)s a day, measured on %(count)s session in %(days)s days",
        "that costs about %(loss)s a day, measured on %(count)s sessions in %(days)s days",
        count,
    ) % {"loss": about(order.loss_per_day), "count": words.number(count), "days": order.basis["days"]}


def evidence_of(order: WorkOrder) -> str:
    """Why we think so."""
    told = order.evidence
    if order.kind == WorkOrder.Kind.SILENT:
        return _(
            "%(per_day)s sessions a day were usual (%(starts)s starts). %(expected)s were to be expected since the "
            "last one; the alarm is raised from %(bound)s on."
        ) % {name: told[name] for name in ("per_day", "starts", "expected", "bound")}
    if order.kind == WorkOrder.Kind.DERATED:
        return _("None of the last %(sessions)s sessions reached 70 %% of the usual peak.") % {
            "sessions": told["sessions"]
        }
    codes = ", ".join(map(str, told.get("codes", [])))
    return _("The station says: %(codes)s.") % {"codes": codes or _("nothing")}


def together(orders: list[WorkOrder]) -> str:
    """What all orders with a known loss cost a day, by currency of the books."""
    losses = [order.loss_per_day for order in orders if order.loss_per_day is not None]
    if not losses:
        return ""
    total = sum((loss.amount for loss in losses), Decimal(0))
    return ngettext(
        "%(count)s order with a measured loss costs about %(loss)s a day.",
        "%(count)s orders with a measured loss cost about %(loss)s a day together.",
        len(losses),
    ) % {"count": len(losses), "loss": about(Money(total, losses[0].currency))}


def place_of(evse: EVSE) -> str:
    """`Port 2 of Quay at Harbour`."""
    return _("Port %(number)s of %(station)s at %(site)s") % {
        "number": evse.number,
        "station": evse.station,
        "site": evse.station.site,
    }


def day_of(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`Tuesday, 14:05` within the last days, else `3 Mar 2026`."""
    local = at.astimezone(zone)
    return date_format(local, "l, H:i") if now - at < THIS_WEEK else date_format(local, "j M Y")


def about(amount: Money) -> str:
    """Whole units from ten on: nobody knows a loss to the cent."""
    value = Decimal(amount.amount)
    if value >= PLAIN_FROM:
        value = value.quantize(Decimal(1))
    return words.short_money(value, str(amount.currency))


def kilowatts(power_w: object) -> str:
    return f"{words.plain(Decimal(str(power_w)) / 1000)}{words.THIN_SPACE}kW"
