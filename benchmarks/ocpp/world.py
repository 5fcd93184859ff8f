"""The stations that benchmarks/gateway.py loads; run with DATABASE_URL set."""

import os
import sys

import django

PASSWORD = "benchmark"
TAG = "BENCHTAG"


def build(count: int) -> None:
    """`count` stations with one connector each, and one tag; those that are there stay."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    from accounts.models import Driver, Organisation, RegistryKey, Token
    from stations.models import EVSE, Connector, Site, Station

    organisation, _ = Organisation.objects.get_or_create(slug="bench", defaults={"name": "Bench"})
    own = {"organisation": organisation}
    site, _ = Site.objects.get_or_create(name="Bench", **own, defaults={"time_zone": "UTC"})
    if not Token.objects.with_uid(TAG).exists():
        Token.issue(Driver.objects.create(email="bench@example.test"), TAG)
    known = set(Station.objects.of(organisation).values_list("identity", flat=True))
    # one iteration: the benchmark measures calls, not log-ins
    password = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    names = [name for name in (f"BENCH{number:06}" for number in range(count)) if name not in known]
    stations = [Station(site=site, identity=name, password_hash=password, **own) for name in names]
    evses = [EVSE(station=station, number=1, max_power_w=22_000, **own) for station in stations]
    Station.objects.bulk_create(stations)
    EVSE.objects.bulk_create(evses)
    Connector.objects.bulk_create([Connector(evse=evse, **own) for evse in evses])
    kind = RegistryKey.Kind.OCPP_IDENTITY
    RegistryKey.objects.bulk_create(
        [RegistryKey(kind=kind, key=one.identity, target_id=one.pk, **own) for one in stations]
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
    django.setup()
    build(int(sys.argv[1]))
