"""Which tariff version is in force at a connector, for a driver, at an instant."""

from datetime import datetime
from uuid import UUID

from django.db.models import Case, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When

from accounts.models import DriverGroupMember
from stations.models import Connector
from tariffs.models import TariffAssignment, TariffVersion

DISTANCE = Case(
    When(connector__isnull=False, then=Value(0)),
    When(station__isnull=False, then=Value(1)),
    When(site__isnull=False, then=Value(2)),
    default=Value(3),
    output_field=IntegerField(),
)


class MissingTariff(LookupError):
    """Nothing is assigned here: an error that people see, never a price of zero."""


def version_in_force(connector: Connector, at: datetime, driver_id: UUID | None = None) -> TariffVersion:
    """The version by which a session starting at `at` is priced.

    A driver group's assignment beats the general one; then connector beats station beats site beats
    organisation; then the latest `valid_from`. Raises MissingTariff.
    """
    assignment = _assignments(connector, at, driver_id).first()
    if assignment is None:
        raise MissingTariff(f"connector {connector}: no tariff is assigned at {at:%Y-%m-%d %H:%M} UTC")
    version = (
        TariffVersion.objects.of(connector.organisation_id)
        .filter(tariff=assignment.tariff_id, valid_from__lte=at)
        .order_by("-valid_from", "-number")
        .first()
    )
    if version is None:
        raise MissingTariff(f"tariff {assignment.tariff}: no version is valid at {at:%Y-%m-%d %H:%M} UTC")
    return version


def with_public_version(connectors: QuerySet[Connector], at: datetime) -> QuerySet[Connector]:
    """`connectors` with `public_version`: the id of the version for drivers of no group, or None. One query."""
    place = (
        Q(connector=OuterRef("pk"))
        | Q(station=OuterRef("evse__station"))
        | Q(site=OuterRef("evse__station__site"))
        | Q(connector__isnull=True, station__isnull=True, site__isnull=True)
    )
    assigned = (
        TariffAssignment.objects.filter(place, organisation=OuterRef("organisation"), driver_group=None)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=at), valid_from__lte=at)
        .annotate(distance=DISTANCE)
        .order_by("distance", "-valid_from")
    )
    versions = TariffVersion.objects.filter(
        organisation=OuterRef("organisation"), tariff=OuterRef("public_tariff"), valid_from__lte=at
    ).order_by("-valid_from", "-number")
    annotated: QuerySet[Connector] = connectors.annotate(
        public_tariff=Subquery(assigned.values("tariff")[:1])
    ).annotate(public_version=Subquery(versions.values("pk")[:1]))
    return annotated


def _assignments(connector: Connector, at: datetime, driver_id: UUID | None) -> QuerySet[TariffAssignment]:
    evse = connector.evse
    place = (
        Q(connector=connector)
        | Q(station=evse.station_id)
        | Q(site=evse.station.site_id)
        | Q(connector__isnull=True, station__isnull=True, site__isnull=True)
    )
    groups = DriverGroupMember.objects.of(connector.organisation_id).filter(driver=driver_id).values("group")
    return (
        TariffAssignment.objects.of(connector.organisation_id)
        .filter(place, Q(valid_until__isnull=True) | Q(valid_until__gt=at), valid_from__lte=at)
        .filter(Q(driver_group__isnull=True) | Q(driver_group__in=groups))
        .annotate(
            for_everyone=Case(
                When(driver_group__isnull=True, then=1), default=0, output_field=IntegerField()
            ),
            distance=DISTANCE,
        )
        .order_by("for_everyone", "distance", "-valid_from")
        .select_related("tariff")
    )
