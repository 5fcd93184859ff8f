"""Past sessions come in whole: each row is imported, there already, or quarantined with its reason."""

import json
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from charging import rating
from charging.importing import run
from charging.importing.books import Books
from charging.models import ChargingSession, ImportBatch, PricedSession, QuarantinedFact
from stations.models import EVSE, Site, Station
from tests.builders import make_organisation, make_site, make_station, make_tariff_document

HEADER = "_id,CP ID,Connector,Start Date,Start Time,End Date,End Time,Total kWh,Site,Model"
GOOD = [
    '1,51516,2,2019-08-31T00:00:00,23:26,2019-08-31T00:00:00,23:54,12.78,"Park and Ride, North",Triple Rapid',
    "2,51249,1,2019-08-30T00:00:00,21:12,2019-08-30T00:00:00,21:32,5.7,Atholl Street,Triple Rapid",
    "3,50839,1,2019-08-29T00:00:00,20:06,2019-08-29T00:00:00,23:03,17.526,Mill Street,22kW",
    "4,50839,2,2018-01-09T00:00:00,02:31,2018-01-09T00:00:00,03:03,2.4,Mill Street,22kW",
]
BAD = {
    "no_end": "5,51516,1,2019-08-31T00:00:00,22:00,,,,Park and Ride,22kW",
    "no_energy": "6,51516,1,2019-08-31T00:00:00,21:00,2019-08-31T00:00:00,21:10,,Park and Ride,22kW",
    "no_station": "7,,1,2019-08-31T00:00:00,22:00,2019-08-31T00:00:00,22:10,1,,22kW",
    "negative_time": "8,51249,1,2019-06-13T00:00:00,20:47,2019-06-13T00:00:00,19:51,2.8,Atholl Street,22kW",
    "outside_range": "9,50282,1,2019-04-17T00:00:00,15:05,1970-01-01T00:00:00,01:00,11.44,Canal Street,22kW",
    "implausible_energy": "10,50282,1,2019-04-18T00:00:00,15:05,2019-04-18T00:00:00,15:07,138.25,Canal,22kW",
    "bad_value": "11,50282,one,2019-04-19T00:00:00,15:05,2019-04-19T00:00:00,15:07,1,Canal Street,22kW",
    "duplicate": "12,50839,1,2019-08-29T00:00:00,20:06,2019-08-29T00:00:00,20:07,0,Mill Street,22kW",
    "open_too_long": "13,50282,1,2019-04-19T00:00:00,15:05,2019-06-20T00:00:00,15:07,1,Canal Street,22kW",
}
NAME = "September 2018-August 2019.csv"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / NAME).write_text("\r\n".join([HEADER, *GOOD, *BAD.values()]) + "\r\n")
    document = make_tariff_document("0.25", flat="0.38", currency="GBP")
    (tmp_path / "tariff.json").write_text(json.dumps(document))
    return tmp_path


def options(folder: Path, **changed: object) -> dict[str, object]:
    return {
        "mapping": "perth-kinross",
        "tariff": folder / "tariff.json",
        "timezone": "Europe/London",
        "organisation": "north",
        "create_organisation": True,
        **changed,
    }


def import_all(folder: Path, *names: str, **changed: object) -> str:
    out = StringIO()
    paths = [folder / name for name in names or (NAME,)]
    call_command("import_sessions", *paths, **options(folder, **changed), stdout=out)
    return out.getvalue()


def books() -> tuple[object, ...]:
    priced = PricedSession.objects.aggregate(Sum("net"), Sum("tax"), Sum("gross"), Sum("energy_wh"))
    models = (ChargingSession, PricedSession, QuarantinedFact, Station, EVSE)
    counts = [model.objects.count() for model in models]
    return (*priced.values(), *counts)


def latest_batch() -> ImportBatch:
    batch = ImportBatch.objects.first()
    assert batch is not None
    return batch


@pytest.mark.django_db
class TestAnImport:
    def test_every_row_becomes_a_session_or_a_quarantined_fact_with_its_reason(self, files: Path) -> None:
        import_all(files)
        batch = ImportBatch.objects.get()
        assert (batch.rows_in, batch.imported, batch.already_there) == (13, 4, 0)
        assert batch.quarantined == dict.fromkeys(BAD, 1)
        for reason, row in BAD.items():
            fact = QuarantinedFact.objects.get(reason=reason)
            assert json.loads(fact.raw)["_id"] == row.split(",")[0]
            assert fact.detail

    def test_a_session_is_priced_and_settled_elsewhere(self, files: Path) -> None:
        import_all(files)
        session = ChargingSession.objects.get(connector__evse__station__identity="51516")
        assert (session.state, session.quality, session.source) == ("priced", "good", "import")
        assert session.settled_elsewhere
        assert session.started_at.isoformat() == "2019-08-31T22:26:00+00:00"
        price = PricedSession.objects.get(session=session)
        assert (price.energy.amount, price.fees.amount) == (Decimal("3.20"), Decimal("0.38"))
        assert price.gross == price.net + price.tax
        assert (price.energy_wh, price.duration_s) == (12_780, 28 * 60)
        assert str(price.gross.currency) == "GBP"

    def test_its_price_is_what_rating_makes_of_it(self, files: Path) -> None:
        import_all(files)
        for session in ChargingSession.objects.all():
            assert session.ended_at is not None
            assert rating.running_price(session, session.ended_at).to_json(explain=True) == (
                PricedSession.objects.get(session=session).result
            )

    def test_places_are_made_as_needed(self, files: Path) -> None:
        import_all(files)
        assert set(Site.objects.values_list("name", flat=True)) == {
            "Park and Ride, North",
            "Atholl Street",
            "Mill Street",
        }
        evses = EVSE.objects.values_list("station__identity", "number", "power_type", "max_power_w")
        assert set(evses) == {
            ("51516", 2, "DC", 50_000),
            ("51249", 1, "DC", 50_000),
            ("50839", 1, "AC", 22_000),
            ("50839", 2, "AC", 22_000),
        }

    def test_stations_that_exist_are_used(self, files: Path) -> None:
        site = make_site(make_organisation("north"), time_zone="Europe/London")
        station = make_station(site, identity="50839", max_power_w=7_400)
        import_all(files)
        assert station.sessions.count() == 2
        assert station.evses.get(number=1).max_power_w == 7_400

    def test_swapped_days_and_months_are_put_right(self, files: Path) -> None:
        import_all(files)
        session = ChargingSession.objects.get(connector__evse__number=2, station__identity="50839")
        assert session.started_at.isoformat() == "2018-09-01T01:31:00+00:00"

    def test_a_second_run_gives_the_same_books(self, files: Path) -> None:
        import_all(files)
        before = books()
        import_all(files)
        assert books() == before
        again = latest_batch()
        assert (again.imported, again.already_there, again.quarantined) == (0, 13, {})

    def test_a_row_refused_once_comes_in_when_the_mapping_is_better(self, files: Path) -> None:
        shipped = Path(run.__file__).parent / "mappings" / "perth-kinross.toml"
        better = files / "better.toml"
        better.write_text(shipped.read_text() + "\n[limits]\nlongest_h = 2000\n")
        import_all(files)
        import_all(files, mapping=str(better))
        assert latest_batch().imported == 1
        fact = QuarantinedFact.objects.get(reason="open_too_long")
        assert (fact.resolved_at is not None, fact.resolution) == (True, "taken by a later import")

    def test_a_row_that_contradicts_an_imported_session_is_a_duplicate(self, files: Path) -> None:
        import_all(files)
        contradiction = GOOD[1].replace("5.7", "6.1")
        (files / "September 2018 - August 2019.csv").write_text(f"{HEADER}\n{contradiction}\n")
        import_all(files, "September 2018 - August 2019.csv")
        assert latest_batch().quarantined == {"duplicate": 1}
        assert PricedSession.objects.get(session__station__identity="51249").energy_wh == 5_700

    def test_of_two_rows_for_one_start_the_one_that_charged_counts_in_any_order(self, files: Path) -> None:
        for name, rows in (("a", [GOOD[2], BAD["duplicate"]]), ("b", [BAD["duplicate"], GOOD[2]])):
            (files / NAME).write_text("\n".join([HEADER, *rows]))
            import_all(files, organisation=name)
        assert list(PricedSession.objects.values_list("energy_wh", flat=True)) == [17_526, 17_526]

    def test_identical_rows_count_each(self, files: Path) -> None:
        (files / NAME).write_text("\n".join([HEADER, *[BAD["no_end"]] * 3, *[GOOD[0]] * 2]))
        import_all(files)
        import_all(files)
        assert QuarantinedFact.objects.count() == 4
        assert latest_batch().already_there == 5

    def test_organisations_do_not_see_each_others_imports(self, files: Path) -> None:
        import_all(files, organisation="north")
        import_all(files, organisation="south")
        assert [batch.imported for batch in ImportBatch.objects.all()] == [4, 4]

    def test_the_summary_names_files_reasons_and_sums(
        self, files: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "160")
        summary = import_all(files)
        assert "13 rows in" in summary
        for word in (NAME, "no_end", "implausible_energy", "38.4", "gross GBP"):
            assert word in summary

    def test_nothing_is_billed(self, files: Path) -> None:
        import_all(files)
        to_bill = ChargingSession.objects.filter(settled_elsewhere=False)
        assert not to_bill.exists()


@pytest.mark.django_db
class TestARefusedImport:
    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"mapping": "nowhere"}, "--mapping: 'nowhere' is neither a file .* perth-kinross"),
            ({"timezone": "London"}, "--timezone: 'London' is no IANA zone"),
            ({"organisation": "west", "create_organisation": False}, "--organisation: there is no 'west'"),
            ({"tariff": Path("nowhere.json")}, "--tariff: nowhere.json can't be read: No such file"),
            ({"currency": "EUR"}, "--currency: is EUR, but .* is in GBP"),
            ({"first": "2019-01-01"}, "--from: goes together with --until"),
            ({"files": ["nowhere.csv"]}, "FILE: .*nowhere.csv can't be read: No such file"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_says_what_is_wrong_and_writes_nothing(
        self, changed: dict[str, Any], message: str, files: Path
    ) -> None:
        with pytest.raises(CommandError, match=message):
            import_all(files, *changed.pop("files", ()), **changed)
        assert not ChargingSession.objects.exists()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "is not JSON"),
            ('{"id": "t", "currency": "GBP", "elements": []}', "tariff.elements"),
            ('{"id": "t", "currency": "QQQ", "elements": [1]}', "currency"),
            ('{"id": "t", "currency": "GBP", "x": NaN, "elements": [1]}', "NaN is no JSON number"),
        ],
    )
    def test_a_bad_tariff_is_named(self, content: str, message: str, files: Path) -> None:
        (files / "tariff.json").write_text(content)
        with pytest.raises(CommandError, match=f"--tariff: .*{message}"):
            import_all(files)

    def test_a_missing_column_is_named_before_any_file_is_imported(self, files: Path) -> None:
        (files / "other.csv").write_text("CP ID,When\n1,2\n")
        with pytest.raises(CommandError, match="no column 'Start Date'; it has 'CP ID', 'When'"):
            import_all(files, NAME, "other.csv")
        assert not ChargingSession.objects.exists()

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00binary", b""], ids=["binary", "empty"])
    def test_a_file_that_is_no_csv_is_refused(self, content: bytes, files: Path) -> None:
        (files / NAME).write_bytes(content)
        with pytest.raises(CommandError, match=r"FILE|no column"):
            import_all(files)

    def test_a_site_in_another_zone_is_told(self, files: Path) -> None:
        make_site(make_organisation("north"), time_zone="Europe/Paris", name="Mill Street")
        with pytest.raises(CommandError, match="--timezone: is Europe/London, but the site 'Mill Street'"):
            import_all(files)


@pytest.mark.django_db(transaction=True)
def test_a_failure_half_way_leaves_nothing_and_the_next_run_everything(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Books, "add_refusals", die)  # the sessions are written by then
        with pytest.raises(Killed):
            import_all(files)
    assert not ChargingSession.objects.exists()
    import_all(files)
    assert ImportBatch.objects.get().imported == 4
