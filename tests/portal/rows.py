"""Priced and charged sessions for page tests, made by the rooms that make them in life."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Driver, Organisation
from billing import charges
from billing.models import DriverHistoryEntry
from charging import rating
from charging.models import ChargingSession
from revenue import rollups
from stations.models import Connector
from tests.builders import connector_of, make_site, make_station, make_tariff, make_tariff_document


def make_priced_connector(organisation: Organisation, **site: str) -> Connector:
    """A connector at which 0.50 EUR/kWh, 1.20 EUR/h parked and 0.30 EUR a start are asked, 20 % tax on top."""
    connector = connector_of(make_station(make_site(organisation, **site)))
    document = make_tariff_document("0.50", parking="1.20", flat="0.30", tax="20")
    make_tariff(document, organisation=organisation, connector=connector)
    return connector


def make_charged_sessions(connector: Connector, driver: Driver, count: int) -> list[ChargingSession]:
    """`count` sessions of an hour and 10 kWh on past days, priced and in the books."""
    now = timezone.now()
    sessions = ChargingSession.objects.bulk_create(
        ChargingSession(
            organisation_id=connector.organisation_id,
            station_id=connector.evse.station_id,
            connector=connector,
            driver=driver,
            source_key=f"{connector.pk}-{number}",
            transaction_id=str(number + 1),
            state=ChargingSession.State.ENDED,
            started_at=now - timedelta(days=number + 1),
            ended_at=now - timedelta(days=number + 1) + timedelta(hours=1),
            meter_start_wh=0,
            meter_end_wh=10_000,
        )
        for number in range(count)
    )
    rating.sweep(limit=count)
    charges.sweep(limit=count)
    rollups.sweep()
    assert DriverHistoryEntry.objects.filter(driver=driver).count() >= count
    return list(sessions)
