"""Sites and stations, the state of their connectors, and what becomes of it: outages and their repair."""

from stations.models.outage import Exclusion, OpeningHours, Outage, overlapping
from stations.models.places import (
    CODE_ALPHABET,
    DOWN,
    EVSE,
    Connector,
    Site,
    Station,
    Status,
    StatusInterval,
    new_public_code,
)
from stations.models.repair import PlannedWindow, WorkOrder, WorkOrderEntry

__all__ = [
    "CODE_ALPHABET",
    "DOWN",
    "EVSE",
    "Connector",
    "Exclusion",
    "OpeningHours",
    "Outage",
    "PlannedWindow",
    "Site",
    "Station",
    "Status",
    "StatusInterval",
    "WorkOrder",
    "WorkOrderEntry",
    "new_public_code",
    "overlapping",
]
