"""What must hold of sessions and prices holds in the database, whoever writes."""

import pytest

from charging import rating
from charging.models import ChargingSession, ImportBatch, PricedSession, QuarantinedFact, SessionReview
from tests.builders import connector_of, make_organisation, make_session, make_station, make_tariff, make_user
from tests.raw import copy_row, refused_by, set_column

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"ended_at": "2000-01-01"}, "session_runs_forward"),
        ({"meter_end_wh": -1}, "session_register_runs_forward_or_is_held"),
        ({"ended_at": None}, "session_ended_has_end_and_register"),
        ({"meter_end_wh": None}, "session_ended_has_end_and_register"),
        ({"state": "active"}, "session_ended_has_end_and_register"),
        ({"state": "odd"}, "session_ended_has_end_and_register"),
        ({"quality": "held"}, "session_held_says_why"),
        ({"quality": "fine"}, "session_quality_known"),
    ],
)
def test_a_session_makes_sense(columns: dict[str, object], constraint: str):
    with refused_by(constraint):
        set_column(make_session(), **columns)


def test_a_register_may_run_backwards_where_a_person_looks():
    session = make_session(quality="held", hold_reasons=["register_backwards"])
    set_column(session, meter_end_wh=-1)
    with refused_by("session_register_runs_forward_or_is_held"):
        set_column(session, quality="released")
    set_column(session, quality="waived")


def test_a_repeated_report_is_the_same_session():
    session = make_session()
    with refused_by("session_source_once"):
        copy_row(session, transaction_id="another")
    with refused_by("session_transaction_once"):
        copy_row(session, source_key="another")


def make_priced() -> PricedSession:
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    make_session(connector)
    rating.sweep()
    return PricedSession.objects.get()


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"energy": 7}, "priced_session_shares_sum_to_net"),
        ({"tax": 7}, "priced_session_net_and_tax_sum_to_gross"),
        ({"tax": -6, "gross": -1}, "priced_session_never_negative"),
    ],
)
def test_a_price_adds_up(columns: dict[str, object], constraint: str):
    with refused_by(constraint):
        copy_row(make_priced(), revision=2, **columns)


def test_a_price_is_written_once_a_revision():
    priced = make_priced()
    with refused_by("priced_session_revision_once"):
        copy_row(priced)
    copy_row(priced, revision=2)


def test_a_decision_names_who_and_why():
    session, user = make_session(), make_user()
    for columns in (
        {"action": "released", "by": None, "note": "because"},
        {"action": "waived", "by": user, "note": ""},
        {"action": "held", "by": user, "note": "no reason code"},
    ):
        with refused_by("session_review_says_why"):
            SessionReview.objects.create(organisation_id=session.organisation_id, session=session, **columns)


def test_a_repeated_state_and_a_repeated_quarantined_fact_are_one():
    session = make_session(states=[(0, "CHARGING")])
    fact = QuarantinedFact.objects.create(
        organisation_id=session.organisation_id, source="ocpp", source_key="k", reason="x", raw="[]"
    )
    with refused_by("session_state_once"):
        copy_row(session.states.get())
    with refused_by("quarantined_fact_once"):
        copy_row(fact)


def test_the_organisation_of_charging_rows_never_changes():
    other = make_organisation()
    session = make_session(states=[(0, "CHARGING")], readings=[(0, 0)])
    batch = ImportBatch.objects.create(
        organisation_id=session.organisation_id, file_name="f", sha256="", mapping="m", rows_in=0, imported=0
    )
    for row in (session, session.states.get(), session.readings.get(), batch):
        with refused_by("Cannot update"):
            set_column(row, organisation_id=other.pk)


def test_a_session_that_ended_is_found_by_the_sweep_and_one_that_runs_is_not():
    ended, running = make_session(), make_session(seconds=None)
    waiting = ChargingSession.objects.to_rate()
    assert ended in waiting
    assert running not in waiting
