"""Planned maintenance: the time is excluded, the ports are closed for it and opened again, drivers are told.

A window's commands carry its id as their cause. One that does not get through is asked again; opening is tried
for a day, for a port left closed earns nothing.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from charging import commands
from charging.models import StationCommand
from stations.models import EVSE, Exclusion, PlannedWindow, Station
from stations.uptime.exclusions import Place, exclude, withdraw

AGAIN_AFTER = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=1)
CAUSE = "window"
LIMIT = 200


@transaction.atomic
def plan(place: Place, since: datetime, until: datetime, *, words: str, by: User) -> PlannedWindow:
    """Plan a window; its time is excluded from uptime. Raises ValidationError naming the field."""
    now = timezone.now()
    if until <= max(since, now):
        raise ValidationError({"until": _("The end has to come after the beginning, and after now.")})
    reason = words.strip() or _("planned on %(day)s") % {"day": f"{now:%Y-%m-%d}"}
    exclusion = exclude(place, Exclusion.Category.MAINTENANCE, since, until, reason=reason, said_by=by)
    window: PlannedWindow = PlannedWindow.objects.create(
        organisation_id=place.site.organisation_id,
        site=place.site,
        station=place.station,
        evse=place.evse,
        since=since,
        until=until,
        words=words.strip(),
        exclusion=exclusion,
        planned_by=by,
    )
    return window


@transaction.atomic
def cancel(window: PlannedWindow, by: User) -> None:
    """Call a window off, or end it early: what is past of it stays excluded. A repeat changes nothing."""
    rows = PlannedWindow.objects.of(window.organisation_id).select_for_update(of=("self",))
    window = rows.select_related("exclusion").get(pk=window.pk)
    now = timezone.now()
    if window.cancelled_at is not None or window.until <= now:
        return
    if max(window.since, window.exclusion.since) >= now:
        withdraw(window.exclusion, by)
    else:
        Exclusion.objects.of(window.organisation_id).filter(pk=window.exclusion_id).update(until=now)
    window.cancelled_at = now
    window.save(update_fields=["cancelled_at"])


def sweep() -> int:
    """Close and open the ports of windows that begin and end; returns how many commands were asked for."""
    now, asked = timezone.now(), 0
    with transaction.atomic():
        due = PlannedWindow.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            settled_at__isnull=True, since__lte=now
        )
        cancelled = PlannedWindow.objects.filter(
            settled_at__isnull=True, since__gt=now, cancelled_at__isnull=False
        )
        cancelled.update(settled_at=now)
        for window in due.order_by("since")[:LIMIT]:
            asked += _settle(window, now)
    return asked


def upcoming(station: Station, now: datetime, within: timedelta) -> list[PlannedWindow]:
    """Windows at the station that last or begin `within`, soonest first."""
    near = PlannedWindow.objects.of(station.organisation_id).filter(
        Q(station=station) | Q(station__isnull=True),
        site=station.site_id, cancelled_at__isnull=True, until__gt=now, since__lt=now + within,
    )  # fmt: skip
    return list(near.select_related("evse").order_by("since"))


def _settle(window: PlannedWindow, now: datetime) -> int:
    end = min(window.until, window.cancelled_at or window.until)
    kind = "Inoperative" if now < end else "Operative"
    commands_of = [_command(window, evse, kind, now) for evse in ports_of(window)]
    if kind == "Operative" and (all(done for done, _asked in commands_of) or now - end > GIVE_UP_AFTER):
        window.settled_at = now
        window.save(update_fields=["settled_at"])
    return sum(asked for _done, asked in commands_of)


def _command(window: PlannedWindow, evse: EVSE, kind: str, now: datetime) -> tuple[bool, bool]:
    """Whether the port has obeyed, and whether it was asked just now."""
    payload = {"connectorId": evse.number, "type": kind}
    own = StationCommand.objects.of(window.organisation_id).filter(cause_id=window.pk, station=evse.station)
    last = own.filter(payload=payload).order_by("-created_at").first()
    if last is not None:
        if last.state == StationCommand.State.ACCEPTED:
            return True, False
        if not last.is_finished or now - last.created_at < AGAIN_AFTER:
            return False, False
    elif kind == "Operative" and not own.filter(payload={**payload, "type": "Inoperative"}).exists():
        return True, False  # it was never closed
    commands.request(
        evse.station, StationCommand.Action.CHANGE_AVAILABILITY, payload,
        cause_kind=CAUSE, cause_id=window.pk, requested_by=window.planned_by,
    )  # fmt: skip
    return False, True


def ports_of(window: PlannedWindow) -> Iterator[EVSE]:
    """The ports that the window closes."""
    ports = EVSE.objects.of(window.organisation_id).filter(station__site=window.site_id)
    for evse in ports.select_related("station").order_by("station", "number"):
        if window.covers(evse):
            yield evse
