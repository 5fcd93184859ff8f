"""Admin pages of sessions. Facts and money are shown only; a person decides about what is held."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.administration import BY_ORGANISATION, ReasonForm, RecordAdmin, problems, then_go_to
from accounts.models import User
from charging import command_payloads, commands, quality
from charging.curves import points_of
from charging.models import (
    ChargingProfile,
    ChargingSession,
    ImportBatch,
    LocalList,
    PricedSession,
    QuarantinedFact,
    Reservation,
    SessionReview,
    SessionState,
    StationCommand,
)
from stations.admin import StationAdmin
from stations.models import Station

READINGS_SHOWN = 100
admin.site.unregister(Station)  # registered anew below, with commands


class RecordInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Rows shown beneath what they belong to; never edited."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PricedInline(RecordInline):
    model = PricedSession
    fields = ("revision", "tariff_version", "energy", "time", "parking", "fees", "net", "tax", "gross")
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[PricedSession]:
        found: QuerySet[PricedSession] = super().get_queryset(request)
        return found.select_related("tariff_version__tariff")


class ReviewInline(RecordInline):
    model = SessionReview
    fields = ("at", "action", "reasons", "evidence", "by", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionReview]:
        found: QuerySet[SessionReview] = super().get_queryset(request)
        return found.select_related("by")


class StateInline(RecordInline):
    model = SessionState
    fields = ("at", "state")


def _asks_why(title: str, description: str, button: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "form_class": ReasonForm,
        "form_submit_text": button,
    }


@admin.register(ChargingSession)
class ChargingSessionAdmin(RecordAdmin):
    """The review queue is this list, filtered by quality."""

    list_display = (
        "started_at", "station", "driver", "state", "quality", "hold_reasons", "energy_kwh", "organisation",
    )  # fmt: skip
    list_filter = (
        BY_ORGANISATION,
        "state",
        "quality",
        "source",
        "settled_elsewhere",
        ("started_at", RangeDateTimeFilter),
    )
    list_select_related = ("station", "driver", "organisation")
    search_fields = ("transaction_id", "station__identity", "station__name", "driver__email", "driver__name")
    inlines = (PricedInline, ReviewInline, StateInline)
    actions_detail = ("release", "waive")
    fields = readonly_fields = (
        "organisation", "station", "connector", "driver", "token", "transaction_id", "state", "quality",
        "hold_reasons", "started_at", "ended_at", "meter_start_wh", "meter_end_wh", "energy_kwh",
        "stop_reason", "tariff_version", "settled_elsewhere", "source", "source_key", "readings",
    )  # fmt: skip

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("charging.change_chargingsession")

    @admin.display(description="kWh")
    def energy_kwh(self, session: ChargingSession) -> str:
        return f"{session.energy_wh / 1000:.3f}"

    @admin.display(description="latest readings")
    def readings(self, session: ChargingSession) -> str:
        latest = reversed(points_of(session)[-READINGS_SHOWN:])
        shown = (
            (f"{at:%Y-%m-%d %H:%M:%S}", "" if register is None else register, "" if power is None else power)
            for at, register, power, _, _ in latest
        )
        lines = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", shown)
        return format_html("<table><tr><th>at (UTC)</th><th>Wh</th><th>W</th></tr>{}</table>", lines)

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Release",
        icon="check",
        permissions=["decide"],
        dialog=_asks_why("Release this session", "It will be priced and billed as it stands.", "Release"),
    )
    def release(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self._decide(request, form, object_id, quality.release)

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Waive",
        icon="money_off",
        permissions=["decide"],
        dialog=_asks_why("Waive this session", "Nobody will ever pay for it.", "Waive"),
    )
    def waive(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self._decide(request, form, object_id, quality.waive)

    def _decide(self, request: HttpRequest, form: ReasonForm, object_id: str, decide: Any) -> HttpResponse:
        session = get_object_or_404(ChargingSession, pk=object_id)
        if session.quality != ChargingSession.Quality.HELD:
            messages.info(
                request, f"This session is not held: it is {session.get_quality_display().lower()}."
            )
        else:
            try:
                decided = decide(session, by=request.user, note=form.cleaned_data["note"])
                messages.success(request, f"The session is {decided.get_quality_display().lower()}.")
            except ValidationError as error:
                messages.error(request, problems(error))
        return then_go_to(reverse("admin:charging_chargingsession_change", args=[object_id]))


@admin.register(PricedSession)
class PricedSessionAdmin(RecordAdmin):
    list_display = (
        "session_start",
        "station",
        "revision",
        "tariff_version",
        "net",
        "tax",
        "gross",
        "organisation",
    )
    list_filter = (BY_ORGANISATION, "currency", ("priced_at", RangeDateTimeFilter))
    list_select_related = ("session__station", "tariff_version__tariff", "organisation")
    search_fields = ("session__transaction_id", "session__station__identity", "tariff_version__tariff__name")
    ordering = ("-priced_at",)

    @admin.display(description="session", ordering="session__started_at")
    def session_start(self, priced: PricedSession) -> str:
        return f"{priced.session.started_at:%Y-%m-%d %H:%M}"

    @admin.display(ordering="session__station")
    def station(self, priced: PricedSession) -> str:
        return str(priced.session.station)


@admin.register(QuarantinedFact)
class QuarantinedFactAdmin(RecordAdmin):
    list_display = ("received_at", "reason", "detail", "station", "source", "resolved_at", "organisation")
    list_filter = (
        BY_ORGANISATION,
        "source",
        "reason",
        ("resolved_at", admin.EmptyFieldListFilter),
        ("received_at", RangeDateTimeFilter),
    )
    list_select_related = ("station", "organisation")
    search_fields = ("reason", "detail", "station__identity")
    actions_detail = ("resolve",)

    def has_resolve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("charging.change_quarantinedfact")

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Resolve",
        icon="check",
        permissions=["resolve"],
        dialog=_asks_why("Resolve this fact", "It stays on record with your reason.", "Resolve"),
    )
    def resolve(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        said = f"{form.cleaned_data['note']} ({request.user})"[:200]
        open_one = QuarantinedFact.objects.filter(pk=object_id, resolved_at=None)
        open_one.update(resolved_at=timezone.now(), resolution=said)
        messages.success(request, "The fact is resolved.")
        return then_go_to(reverse("admin:charging_quarantinedfact_change", args=[object_id]))


@admin.register(ImportBatch)
class ImportBatchAdmin(RecordAdmin):
    list_display = (
        "finished_at", "file_name", "mapping", "rows_in", "imported", "already_there", "reasons",
        "organisation",
    )  # fmt: skip
    list_filter = (BY_ORGANISATION, "mapping")
    list_select_related = ("organisation",)
    search_fields = ("file_name", "sha256")

    @admin.display(description="quarantined")
    def reasons(self, batch: ImportBatch) -> str:
        return json.dumps(batch.quarantined).strip("{}").replace('"', "")


@admin.register(StationCommand)
class StationCommandAdmin(RecordAdmin):
    list_display = ("created_at", "station", "action", "state", "requested_by", "answered_at", "organisation")
    list_filter = (BY_ORGANISATION, "action", "state", ("created_at", RangeDateTimeFilter))
    list_select_related = ("station", "requested_by", "organisation")
    search_fields = ("station__identity", "station__name")
    exclude = ("payload", "answer")
    readonly_fields = ("asked_for", "answered_with")

    @admin.display(description="payload")
    def asked_for(self, command: StationCommand) -> str:
        """As it may be seen: tags masked."""
        return json.dumps(command_payloads.shown(command.payload), ensure_ascii=False)

    @admin.display(description="answer")
    def answered_with(self, command: StationCommand) -> str:
        return json.dumps(command_payloads.shown(command.answer), ensure_ascii=False)


class ResetForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    """Soft lets charges end first."""

    kind = forms.ChoiceField(
        choices=[("Soft", "Soft: charges end first"), ("Hard", "Hard: at once")],
        widget=UnfoldAdminSelectWidget,
    )


class CommandForm(BaseDialogForm):  # type: ignore[misc]  # unfold has no types
    """Any command, in OCPP 1.6's words."""

    action = forms.ChoiceField(choices=StationCommand.Action.choices, widget=UnfoldAdminSelectWidget)
    payload = forms.JSONField(initial=dict, widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}))


def _confirms(title: str, description: str, form: Any) -> dict[str, Any]:
    return {"title": title, "description": description, "form_class": form, "form_submit_text": "Send"}


@admin.register(Station)
class CommandedStationAdmin(StationAdmin):
    """A station's page with commands, which become the same rows as an owner's."""

    actions_detail: tuple[str, ...] = (*StationAdmin.actions_detail, "restart", "send_command")

    def has_send_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("charging.add_stationcommand")

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Restart",
        icon="restart_alt",
        permissions=["send"],
        dialog=_confirms("Restart this station", "It is away for some minutes.", ResetForm),
    )
    def restart(self, request: HttpRequest, form: ResetForm, object_id: str) -> HttpResponse:
        return self._send(request, object_id, "Reset", {"type": form.cleaned_data["kind"]})

    @action(  # type: ignore[untyped-decorator]  # unfold has no types
        description="Send a command",
        icon="send",
        permissions=["send"],
        dialog=_confirms("Send a command", "It is sent as you write it.", CommandForm),
    )
    def send_command(self, request: HttpRequest, form: CommandForm, object_id: str) -> HttpResponse:
        return self._send(request, object_id, form.cleaned_data["action"], form.cleaned_data["payload"])

    def _send(self, request: HttpRequest, object_id: str, name: str, payload: Any) -> HttpResponse:
        station = get_object_or_404(Station, pk=object_id)
        try:
            command_payloads.check(name, payload)
            who = request.user if isinstance(request.user, User) else None
            command = commands.request(station, name, payload, cause_kind="admin", requested_by=who)
        except ValidationError as error:
            said = (f"{field}: {one}" for field, words in error.message_dict.items() for one in words)
            messages.error(request, "; ".join(said))
            return then_go_to(reverse("admin:stations_station_change", args=[object_id]))
        messages.success(request, "The station is being asked; this page says what it answers.")
        return then_go_to(reverse("admin:charging_stationcommand_change", args=[command.pk]))


@admin.register(Reservation)
class ReservationAdmin(RecordAdmin):
    list_display = ("created_at", "station", "number", "evse_number", "masked", "state", "expires_at")
    list_filter = (BY_ORGANISATION, "state", ("expires_at", RangeDateTimeFilter))
    list_select_related = ("station",)
    search_fields = ("station__identity", "station__name")


@admin.register(ChargingProfile)
class ChargingProfileAdmin(RecordAdmin):
    list_display = ("created_at", "station", "number", "evse_number", "purpose", "state", "valid_until")
    list_filter = (BY_ORGANISATION, "state", "purpose")
    list_select_related = ("station",)
    search_fields = ("station__identity", "station__name")


@admin.register(LocalList)
class LocalListAdmin(RecordAdmin):
    list_display = ("station", "enabled", "state", "version", "failure", "acknowledged_at", "organisation")
    list_filter = (BY_ORGANISATION, "enabled", "state")
    list_select_related = ("station", "organisation")
    search_fields = ("station__identity", "station__name")
