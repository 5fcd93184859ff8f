"""What the rooms' admin pages share: the tenant's rows, and the records that nobody edits."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.tenancy import TenantModel

BY_ORGANISATION = ("organisation", AutocompleteSelectFilter)


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # the admin fills in the model
    """Refuses a row that points at another organisation's."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        organisation = cleaned.get("organisation") or getattr(self.instance, "organisation", None)
        for name, value in list(cleaned.items()):  # add_error takes fields out
            if isinstance(value, TenantModel) and value.organisation_id != getattr(organisation, "pk", None):
                self.add_error(name, f"belongs to another organisation than {organisation}.")
        return cleaned


class TenantAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Rows of an organisation, which is chosen once."""

    form: Any = TenantForm
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    fixed_fields: tuple[str, ...] = ()
    """Chosen when the row is added, shown ever after."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        shown = tuple(super().get_readonly_fields(request, obj))
        return shown if obj is None else (*shown, "organisation", *self.fixed_fields)


class RecordAdmin(TenantAdmin):
    """Rows that are facts or money: to look at, never to edit."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReasonForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    """Asks why, before something is done that is written down."""

    note = forms.CharField(
        label="Reason", max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


def problems(error: ValidationError) -> str:
    """A validation error in one line for a message."""
    return "; ".join(error.messages)


def then_go_to(url: str) -> HttpResponse:
    """The answer of a dialog's action: htmx loads the page anew."""
    return HttpResponse(headers={"HX-Redirect": url})
