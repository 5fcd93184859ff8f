"""Which stations and tags the simulator uses: those of the demo world, and more beside them where asked."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from django.db import transaction

from accounts.models import Token
from demo.stations.credentials import station_password
from demo.stations.faults import Faults
from demo.stations.station import Plan
from stations.models import EVSE, Connector, Site, Station

CONTENT = Path(__file__).parent.parent / "content" / "world.json"
SIMULATED = "SIM-"
POWERS_W = (150_000, 50_000, 22_000, 11_000)


class NoWorld(LookupError):
    """There is nothing to simulate; the text says what to do."""


def tags() -> list[str]:
    """The RFID tags of the demo's drivers that are in the database. Raises NoWorld."""
    people = json.loads(CONTENT.read_text())["people"]
    uids = [person["driver"]["rfid"] for person in people if "rfid" in person.get("driver", {})]
    known = [uid for uid in uids if Token.objects.with_uid(uid).exists()]
    if not known:
        raise NoWorld("no demo driver is in the database: run `python manage.py demo` first")
    return known


def demo_plans() -> list[Plan]:
    """The stations of the demo world. Raises NoWorld."""
    organisations = json.loads(CONTENT.read_text())["organisations"]
    identities = [
        station["identity"]
        for organisation in organisations
        for site in organisation["sites"]
        for station in site["stations"]
    ]
    plans = _plans(identities)
    if not plans:
        raise NoWorld("no demo station is in the database: run `python manage.py demo` first")
    return plans


def simulated_plans(
    count: int, versions: Sequence[str] = ("1.6",), faults: Faults | None = None
) -> list[Plan]:
    """`count` stations SIM-00001 and on, of these OCPP versions in turn; the first ones flood, if any do.

    Those missing are made at the demo's first site. Raises NoWorld.
    """
    identities = [f"{SIMULATED}{number:05}" for number in range(1, count + 1)]
    known = set(Station.objects.filter(identity__in=identities).values_list("identity", flat=True))
    missing = [identity for identity in identities if identity not in known]
    if missing:
        site = Site.objects.order_by("created_at").first()
        if site is None:
            raise NoWorld("there is no site to put stations at: run `python manage.py demo` first")
        for identity in missing:
            _make(site, identity, POWERS_W[int(identity[len(SIMULATED) :]) % len(POWERS_W)])
    faults = faults or Faults()
    return [
        replace(
            plan, version=versions[number % len(versions)], faults=faults, floods=number < faults.flooding
        )
        for number, plan in enumerate(_plans(identities))
    ]


@transaction.atomic
def _make(site: Site, identity: str, power_w: int) -> None:
    own = {"organisation_id": site.organisation_id}
    station = Station(site=site, identity=identity, name=f"Simulated {identity[len(SIMULATED) :]}", **own)
    station.set_password(station_password(identity))
    station.save()
    station.register()
    direct = power_w > 22_000
    for number in (1, 2):
        evse = EVSE.objects.create(
            station=station, number=number, power_type="DC" if direct else "AC", max_power_w=power_w, **own
        )
        standard = Connector.Standard.CCS2 if direct else Connector.Standard.TYPE_2
        Connector.objects.create(evse=evse, standard=standard, tethered=direct, **own)


def _plans(identities: list[str]) -> list[Plan]:
    evses: dict[str, list[tuple[int, int]]] = {}
    rows = EVSE.objects.filter(station__identity__in=identities).order_by("station__identity", "number")
    for identity, number, power in rows.values_list("station__identity", "number", "max_power_w"):
        evses.setdefault(identity, []).append((number, power))
    return [Plan(identity, station_password(identity), places) for identity, places in evses.items()]
