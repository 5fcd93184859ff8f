"""Admin pages of tariffs: versions are published, never edited; assignments end, they don't move."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import TabularInline

import pricing
from accounts.administration import BY_ORGANISATION, RecordAdmin, TenantAdmin, TenantForm
from tariffs.models import Tariff, TariffAssignment, TariffVersion
from tariffs.publishing import check, publish


class VersionInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = TariffVersion
    fields = readonly_fields = ("number", "valid_from", "published_at")
    ordering = ("-number",)
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tariff)
class TariffAdmin(TenantAdmin):
    list_display = ("name", "currency", "organisation", "archived_at", "created_at")
    list_filter = (BY_ORGANISATION, "currency", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("organisation",)
    search_fields = ("name",)
    autocomplete_fields = ("organisation",)
    readonly_fields = ("created_at",)
    fixed_fields = ("currency",)
    inlines = (VersionInline,)


class PublishForm(forms.ModelForm):  # type: ignore[type-arg]  # the admin fills in the model
    """A new version of a tariff, checked by the price engine."""

    class Meta:
        model = TariffVersion
        fields = ("tariff", "document", "valid_from")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "valid_from" in self.fields:
            self.fields["valid_from"].required = False
            self.fields["valid_from"].help_text = "UTC, not in the past; leave it empty for: from now on"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors or not self.instance._state.adding:
            return cleaned
        try:
            check(cleaned["tariff"], cleaned["document"], cleaned["valid_from"], timezone.now())
        except pricing.PricingError as error:
            on_date = error.field == "valid_from"
            self.add_error("valid_from" if on_date else "document", str(error))
        return cleaned


@admin.register(TariffVersion)
class TariffVersionAdmin(RecordAdmin):
    """Adding a version publishes it; none is ever changed."""

    form = PublishForm
    list_display = ("tariff", "number", "valid_from", "published_at", "organisation")
    list_filter = (BY_ORGANISATION,)
    list_select_related = ("tariff", "organisation")
    search_fields = ("tariff__name",)
    autocomplete_fields = ("tariff",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("tariffs.add_tariffversion")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        shown = ("tariff", "document", "valid_from")
        return shown if obj is None else ("organisation", "number", "published_at", *shown)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    def save_model(self, request: HttpRequest, obj: TariffVersion, form: Any, change: bool) -> None:
        published = publish(obj.tariff, obj.document, form.cleaned_data["valid_from"])
        obj.__dict__.update(published.__dict__)


class AssignmentForm(TenantForm):
    """An assignment may only be ended, and not before now: sessions until now are priced by it."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        until = cleaned.get("valid_until")
        if "valid_until" in self.changed_data and until is not None and until < timezone.now():
            self.add_error("valid_until", "is past; sessions that started until now are priced by it")
        return cleaned


@admin.register(TariffAssignment)
class TariffAssignmentAdmin(TenantAdmin):
    form = AssignmentForm
    list_display = ("tariff", "place", "driver_group", "valid_from", "valid_until", "organisation")
    list_filter = (BY_ORGANISATION, ("valid_until", admin.EmptyFieldListFilter))
    list_select_related = (
        "tariff", "site", "station", "connector__evse__station", "driver_group", "organisation",
    )  # fmt: skip
    search_fields = ("tariff__name", "site__name", "station__identity", "station__name", "driver_group__name")
    autocomplete_fields = ("organisation", "tariff", "site", "station", "connector", "driver_group")
    fixed_fields = ("tariff", "site", "station", "connector", "driver_group", "valid_from")

    @admin.display(description="at")
    def place(self, assignment: TariffAssignment) -> str:
        return str(assignment.connector or assignment.station or assignment.site or "everywhere")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # it ends; what it priced stays explained
