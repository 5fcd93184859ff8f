"""Say which time does not count against uptime, and take it back; who said so stays on the row."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from stations.models import EVSE, Exclusion, Site, Station


@dataclass(frozen=True)
class Place:
    """A whole site, one station there, or one port of it."""

    site: Site
    station: Station | None = None
    evse: EVSE | None = None

    @classmethod
    def of_port(cls, evse: EVSE) -> "Place":
        """The port alone."""
        return cls(evse.station.site, evse.station, evse)

    @classmethod
    def around(cls, evse: EVSE, breadth: str) -> "Place":
        """The port, its station or its site, as `breadth` names: port, station, site."""
        if breadth == "site":
            return cls(evse.station.site)
        return cls(evse.station.site, evse.station) if breadth == "station" else cls.of_port(evse)


def exclude(
    place: Place, category: str, since: datetime, until: datetime | None, *, reason: str, said_by: User
) -> Exclusion:
    """Leave since..until out of the uptime formula at `place`; no end: until it is told.

    Raises ValidationError naming the field.
    """
    if category not in Exclusion.Category.values:
        known = ", ".join(Exclusion.Category.values)
        raise ValidationError({"category": _("Choose one of: %(known)s.") % {"known": known}})
    if until is not None and until <= since:
        raise ValidationError({"until": _("The end has to come after the beginning.")})
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this time does not count; an auditor will ask.")})
    exclusion: Exclusion = Exclusion.objects.create(
        organisation_id=place.site.organisation_id,
        site=place.site,
        station=place.station,
        evse=place.evse,
        category=category,
        since=since,
        until=until,
        reason=reason.strip(),
        said_by=said_by,
    )
    return exclusion


def withdraw(exclusion: Exclusion, by: User) -> None:
    """Let the time count after all; a repeat changes nothing."""
    still = Exclusion.objects.of(exclusion.organisation_id).filter(pk=exclusion.pk, withdrawn_at=None)
    still.update(withdrawn_at=timezone.now(), withdrawn_by=by)
