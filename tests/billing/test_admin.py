"""The books in the admin: every list and row opens, and nothing about money can be changed there."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

import fakestripe
from billing.models import BuyerTax, DebtPolicy, Payment, SellerTax
from tests.billing.journeys import charge_at, make_payer, make_place, settle

pytestmark = pytest.mark.django_db(transaction=True)


SETTINGS = {SellerTax, BuyerTax, DebtPolicy}
"""What people decide; all else is a record of what happened."""


def test_every_list_and_row_opens_and_none_can_be_changed(
    stripe: fakestripe.Server, admin_client: Client
) -> None:
    charge_at(make_place(), make_payer())
    settle()
    opened = 0
    for model in admin.site._registry:
        if model._meta.app_label != "billing":
            continue
        name = f"admin:billing_{model._meta.model_name}"
        assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200, name
        may_add = 200 if model in SETTINGS else 403
        assert admin_client.get(reverse(f"{name}_add")).status_code == may_add, name
        row = model._default_manager.first()
        if row is not None:
            page = reverse(f"{name}_change", args=[row.pk])
            assert admin_client.get(page).status_code == 200, name
            assert admin_client.post(page, {}).status_code == 403, name
            opened += 1
    assert opened >= 8
    assert Payment.objects.get().state == Payment.State.PAID
