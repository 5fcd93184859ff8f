"""Keys are shown once, kept as hashes, refused when they are over, and may do what they say."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import ApiKey, Organisation, RegistryKey
from stations.models import Station
from tests.api.conftest import Caller, caller_of

pytestmark = pytest.mark.django_db


def made(*arguments: str) -> str:
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_command_prints_a_key_that_works(organisation: Organisation, station: Station) -> None:
    key = made("--organisation", organisation.slug)
    assert Caller(key).get("/stations").json()["items"][0]["identity"] == station.identity
    answer = Caller(key).post(f"/stations/{station.identity}/commands", {"action": "ClearCache"})
    assert answer.status_code == 201


def test_nothing_of_the_key_is_kept_but_its_start_and_hash(organisation: Organisation) -> None:
    key = made("--organisation", organisation.slug, "--name", "Fleet system")
    row = ApiKey.objects.of(organisation).get()
    assert (row.name, row.prefix) == ("Fleet system", key[:12])
    kept = RegistryKey.objects.get(kind="api")
    assert kept.key == ApiKey.hash_of(key)
    assert key not in str(row.__dict__) + str(kept.__dict__)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--organisation", "nobody"], "--organisation: there is no 'nobody'"),
        (["--organisation", "{slug}", "--expires", "2020-01-01"], "--expires: 2020-01-01 has passed"),
        (["--organisation", "{slug}", "--expires", "soon"], "--expires: 'soon' is not a date"),
    ],
)
def test_the_command_names_what_is_wrong(
    organisation: Organisation, arguments: list[str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        made(*(argument.replace("{slug}", organisation.slug) for argument in arguments))
    assert not ApiKey.objects.exists()


def test_a_date_means_to_the_end_of_that_day(organisation: Organisation) -> None:
    made("--organisation", organisation.slug, "--expires", "2099-12-31")
    expires = ApiKey.objects.get().expires_at
    assert expires is not None
    assert expires.isoformat() == "2099-12-31T23:59:59+00:00"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic evb_x", "Bearer evb_\x00x"])
def test_without_a_valid_key_there_is_401(organisation: Organisation, header: str) -> None:
    caller = Caller()
    answer = caller.client.get("/api/v1/stations", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Bearer evb_" in answer.json()["detail"]


def test_expired_and_revoked_keys_are_refused(organisation: Organisation) -> None:
    _row, key = ApiKey.issue(organisation, "old", ["read"], expires_at=timezone.now() - timedelta(seconds=1))
    assert Caller(key).get("/stations").status_code == 401
    row, key = ApiKey.issue(organisation, "leaked", ["read"])
    assert Caller(key).get("/stations").status_code == 200
    row.revoke()
    assert Caller(key).get("/stations").status_code == 401


def test_a_key_that_only_reads_sends_no_command(organisation: Organisation, station: Station) -> None:
    reader = caller_of(organisation, "read")
    answer = reader.post(f"/stations/{station.identity}/commands", {"action": "ClearCache"})
    assert answer.status_code == 403
    assert "'commands'" in answer.json()["detail"]
    assert caller_of(organisation, "commands").get("/stations").status_code == 403


def test_the_last_use_is_remembered(organisation: Organisation) -> None:
    caller_of(organisation).get("/stations")
    used = ApiKey.objects.get().last_used_at
    assert used is not None
    assert timezone.now() - used < timedelta(minutes=1)


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    organisation: Organisation, settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    busy, other = caller_of(organisation), caller_of(organisation)
    answers = [busy.get("/stations") for _ in range(7)]  # a minute may begin in between
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 60
    assert other.get("/stations").status_code == 200
