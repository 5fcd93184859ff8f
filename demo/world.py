"""The demo world of content/world.json: organisations, people, sites, stations and prices. Idempotent."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import Driver, Membership, Organisation, Token, User
from demo.stations.credentials import station_password
from stations.models import EVSE, Connector, Site, Station
from tariffs.models import Tariff, TariffAssignment, TariffVersion

CONTENT = Path(__file__).parent / "content"
OPENED = datetime(2024, 1, 1, tzinfo=UTC)
PASSWORD = "plug-in-and-charge"  # noqa: S105  printed at every start of the demo

JSON = Mapping[str, Any]


def content() -> JSON:
    """The whole world as written down."""
    world: JSON = json.loads((CONTENT / "world.json").read_text())
    return world


@transaction.atomic
def build() -> None:
    """Make what is missing of the world; nothing that is there is changed."""
    world = content()
    for entry in world["organisations"]:
        _organisation(entry)
    for entry in world["people"]:
        _person(entry)


def _organisation(entry: JSON) -> None:
    own = {key: value for key, value in entry.items() if key not in ("tariffs", "sites", "slug")}
    organisation, _ = Organisation.objects.get_or_create(slug=entry["slug"], defaults=own)
    tariffs = {item["name"]: _tariff(organisation, item) for item in entry["tariffs"]}
    for item in entry["sites"]:
        _site(organisation, item, tariffs[item["tariff"]])


def _tariff(organisation: Organisation, entry: JSON) -> Tariff:
    tariff, made = Tariff.objects.get_or_create(
        organisation=organisation, name=entry["name"], defaults={"currency": organisation.currency}
    )
    if made:
        TariffVersion.objects.create(
            organisation=organisation,
            tariff=tariff,
            number=1,
            document=json.loads((CONTENT / entry["file"]).read_text()),
            valid_from=OPENED,
        )
    return tariff


def _site(organisation: Organisation, entry: JSON, tariff: Tariff) -> None:
    place = {key: entry[key] for key in ("street", "postal_code", "city", "latitude", "longitude")}
    site, _ = Site.objects.get_or_create(
        organisation=organisation,
        name=entry["name"],
        defaults={**place, "country": organisation.country, "time_zone": organisation.time_zone},
    )
    TariffAssignment.objects.get_or_create(
        organisation=organisation, site=site, tariff=tariff, defaults={"valid_from": OPENED}
    )
    for station in entry["stations"]:
        _station(site, station)


def _station(site: Site, entry: JSON) -> None:
    station = Station.objects.of(site.organisation_id).filter(identity=entry["identity"]).first()
    if station is not None:
        return
    station = Station(
        organisation_id=site.organisation_id, site=site, identity=entry["identity"], name=entry["name"]
    )
    station.set_password(station_password(station.identity))
    station.save()
    station.register()
    for number in range(1, entry["evses"] + 1):
        evse = EVSE.objects.create(
            organisation_id=site.organisation_id,
            station=station,
            number=number,
            power_type=entry["power_type"],
            max_power_w=entry["max_power_w"],
        )
        Connector.objects.create(
            organisation_id=site.organisation_id,
            evse=evse,
            standard=entry["standard"],
            tethered=entry["power_type"] == "DC",
        )


def _person(entry: JSON) -> None:
    user = User.objects.filter(email=entry["email"]).first()
    if user is None:
        rights = {key: entry.get(key, False) for key in ("is_staff", "is_superuser")}
        user = User.objects.create_user(entry["email"], PASSWORD, name=entry["name"], **rights)
    for slug, role in entry.get("member_of", {}).items():
        organisation = Organisation.objects.get(slug=slug)
        Membership.objects.get_or_create(organisation=organisation, user=user, defaults={"role": role})
    if "driver" in entry:
        _driver(user, entry["driver"])


def _driver(user: User, entry: JSON) -> None:
    driver, _ = Driver.objects.get_or_create(
        user=user, defaults={"email": user.email, "name": user.name, "country": entry["country"]}
    )
    if not driver.tokens.filter(uid_hash=Token.hash_of(entry["rfid"])).exists():
        Token.issue(driver, entry["rfid"], label="Card in the wallet")
