"""Admin pages of sites, stations, EVSEs, connectors and their states."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.administration import BY_ORGANISATION, RecordAdmin, TenantAdmin, TenantForm, then_go_to
from accounts.models import RegistryKey
from stations.models import EVSE, Connector, Site, Station, StatusInterval


class OfTheParent:
    """An inline whose rows take the organisation of the row they hang on."""

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row in formset.save(commit=False):
            row.organisation_id = form.instance.organisation_id
        formset.save()


@admin.register(Site)
class SiteAdmin(TenantAdmin):
    list_display = ("name", "city", "country", "time_zone", "organisation")
    list_filter = (BY_ORGANISATION, "country")
    list_select_related = ("organisation",)
    search_fields = ("name", "street", "city", "postal_code")
    autocomplete_fields = ("organisation",)
    readonly_fields = ("created_at",)


class StationForm(TenantForm):
    """Tells of an OCPP identity that another station in the world holds."""

    def clean_identity(self) -> str:
        identity = str(self.cleaned_data["identity"])
        taken = RegistryKey.objects.filter(kind=RegistryKey.Kind.OCPP_IDENTITY, key=identity)
        if taken.exclude(target_id=self.instance.pk).exists():
            raise forms.ValidationError("Another station holds this identity; give this one its own.")
        return identity


class EVSEInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = EVSE
    fields = ("number", "power_type", "max_power_w")
    extra = 0
    show_change_link = True


class PasswordForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    """The password of OCPP's basic authentication: 16 to 40 characters (security whitepaper, A00.FR.205)."""

    password = forms.CharField(min_length=16, max_length=40, widget=UnfoldAdminTextInputWidget)


@admin.register(Station)
class StationAdmin(OfTheParent, TenantAdmin):
    form = StationForm
    list_display = ("identity", "name", "site", "vendor", "model", "last_seen_at", "organisation")
    list_filter = (BY_ORGANISATION, "security_profile", "ocpp_version", "vendor")
    list_select_related = ("site", "organisation")
    search_fields = ("identity", "name", "public_code", "serial_number", "site__name")
    autocomplete_fields = ("organisation", "site")
    readonly_fields = (
        "public_code", "vendor", "model", "serial_number", "firmware_version", "ocpp_version", "boot_at",
        "connected_at", "last_seen_at", "created_at",
    )  # fmt: skip
    fixed_fields = ("identity",)
    inlines = (EVSEInline,)
    actions_detail: tuple[str, ...] = ("set_password",)

    def save_model(self, request: HttpRequest, obj: Station, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.register()

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Set password",
        icon="key",
        permissions=["change"],
        dialog={
            "title": "Set the station's password",
            "description": "It is kept as a hash: write it into the station now.",
            "form_class": PasswordForm,
            "form_submit_text": "Set",
        },
    )
    def set_password(self, request: HttpRequest, form: PasswordForm, object_id: str) -> HttpResponse:
        station = get_object_or_404(self.get_queryset(request), pk=object_id)
        station.set_password(form.cleaned_data["password"])
        station.save(update_fields=["password_hash", "next_password_digest"])
        messages.success(request, f"{station} logs in with the new password from now on.")
        return then_go_to(reverse("admin:stations_station_change", args=[object_id]))


class ConnectorInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    model = Connector
    fields = ("number", "standard", "tethered")
    extra = 0


@admin.register(EVSE)
class EVSEAdmin(OfTheParent, TenantAdmin):
    list_display = ("station", "number", "power_type", "max_power_w", "organisation")
    list_filter = (BY_ORGANISATION, "power_type")
    list_select_related = ("station", "organisation")
    search_fields = ("station__identity", "station__name")
    autocomplete_fields = ("organisation", "station")
    fixed_fields = ("station", "number")
    inlines = (ConnectorInline,)


@admin.register(Connector)
class ConnectorAdmin(TenantAdmin):
    list_display = ("evse", "number", "standard", "tethered", "organisation")
    list_filter = (BY_ORGANISATION, "standard")
    list_select_related = ("evse__station", "organisation")
    search_fields = ("evse__station__identity", "evse__station__name")
    autocomplete_fields = ("organisation", "evse")
    fixed_fields = ("evse", "number")


@admin.register(StatusInterval)
class StatusIntervalAdmin(RecordAdmin):
    list_display = ("connector", "status", "error_code", "since", "until")
    list_filter = (
        BY_ORGANISATION,
        "status",
        ("until", admin.EmptyFieldListFilter),
        ("since", RangeDateTimeFilter),
    )
    list_select_related = ("connector__evse__station",)
    search_fields = ("connector__evse__station__identity", "error_code")
