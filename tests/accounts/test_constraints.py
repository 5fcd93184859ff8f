"""What must hold of users, organisations and drivers holds in the database, past every form."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import DriverBlock, DriverGroup, DriverGroupMember, RegistryKey
from tests.builders import (
    make_driver,
    make_member,
    make_organisation,
    make_site,
    make_station,
    make_token,
    make_user,
)
from tests.raw import copy_row, refused_by, set_column

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("currency", "eur", "organisation_currency_is_iso"),
        ("currency", "EU", "organisation_currency_is_iso"),
        ("country", "d3", "organisation_country_is_iso"),
    ],
)
def test_an_organisation_has_iso_codes(column: str, value: str, constraint: str):
    with refused_by(constraint):
        set_column(make_organisation(), **{column: value})


def test_a_slug_names_one_organisation():
    with refused_by("slug"):
        copy_row(make_organisation("north"))


def test_an_e_mail_address_is_kept_in_lower_case_and_once():
    user = make_user("Ann@Example.test")
    assert user.email == "ann@example.test"
    with refused_by("user_email_is_lower_case"):
        set_column(user, email="Ann@example.test")
    with refused_by("accounts_user_email"):
        copy_row(user)


def test_a_user_is_a_member_of_an_organisation_once_in_a_known_role():
    member = make_member(make_organisation())
    with refused_by("membership_once"):
        copy_row(member)
    with refused_by("membership_role_known"):
        set_column(member, role="king")


def test_a_token_is_known_once_in_the_world_and_only_by_its_hash():
    token = make_token(uid="04a2b3c4")
    assert "04a2b3c4" not in {str(value).lower() for value in vars(token).values()}
    with refused_by("uid_hash"):
        make_token(make_driver(), uid="04A2B3C4")


def test_a_driver_is_in_a_group_once():
    organisation, driver = make_organisation(), make_driver()
    group = DriverGroup.objects.create(organisation=organisation, name="Staff")
    member = DriverGroupMember.objects.create(organisation=organisation, group=group, driver=driver)
    with refused_by("driver_group_member_once"):
        copy_row(member)
    with refused_by("driver_group_name_once"):
        copy_row(group)


def test_an_organisation_blocks_a_driver_once_at_a_time():
    block = DriverBlock.objects.create(
        organisation=make_organisation(), driver=make_driver(), reason="unpaid", lifted_at=timezone.now()
    )
    copy_row(block)
    copy_row(block, lifted_at=None)
    with refused_by("driver_block_once"):
        copy_row(block, lifted_at=None)


def test_a_key_is_unique_in_the_world_and_its_own_holder_may_claim_it_again():
    north, south = make_station(), make_station()
    north.register()
    with pytest.raises(IntegrityError), transaction.atomic():
        RegistryKey.claim(RegistryKey.Kind.OCPP_IDENTITY, north.identity, south)
    assert RegistryKey.objects.filter(target_id=north.pk).count() == 2


def test_the_organisation_of_a_row_never_changes():
    other = make_organisation()
    driver = make_driver()
    group = DriverGroup.objects.create(organisation=make_organisation(), name="Staff")
    rows = [make_member(make_organisation()), group, make_site(), make_station()]
    rows.append(DriverBlock.objects.create(organisation=make_organisation(), driver=driver, reason="x"))
    for row in rows:
        with refused_by("Cannot update"):
            set_column(row, organisation_id=other.pk)
