"""The forms of commands: what a person fills in, and the OCPP 1.6 payload that it becomes."""

import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from secrets import randbelow
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from charging import command_payloads
from charging.models import ChargingSession, Reservation, StationCommand
from charging.reservations import OPEN
from stations.models import Station

Action = StationCommand.Action
TAG_LENGTH = 20  # OCPP 1.6 CiString20Type
MILLION = 1_000_000


class CommandForm(forms.Form):
    """A command without anything to fill in; others add fields and say the payload."""

    action: ClassVar[str] = ""

    def __init__(self, *args: Any, station: Station, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.station = station
        self.zone = ZoneInfo(station.site.time_zone)
        self.fill()

    def fill(self) -> None:
        """Set the choices that depend on the station."""

    def payload(self) -> dict[str, Any]:
        """The OCPP 1.6 request."""
        return {}

    def named(self) -> str:
        """The action to send."""
        return self.action

    def clean(self) -> dict[str, Any]:
        """Check the payload by OCPP's schema as well; what it says shows above the form."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                command_payloads.check(self.named(), self.payload())
            except ValidationError as error:
                said = [f"{field}: {one}" for field, words in error.message_dict.items() for one in words]
                raise ValidationError(said) from error
        return cleaned

    def ports(self, whole: Any = None) -> list[tuple[str, Any]]:
        """The station's EVSEs as choices; `whole` names number 0."""
        evses = self.station.evses.order_by("number")
        first = [("0", whole)] if whole else []
        return [*first, *((str(evse.number), _("Port %s") % evse.number) for evse in evses)]


class PortForm(CommandForm):
    """A command to one port."""

    port = forms.ChoiceField(label=_("Port"))
    whole: ClassVar[Any] = None

    def fill(self) -> None:
        self.fields["port"].choices = self.ports(self.whole)  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def connector(self) -> int:
        return int(self.cleaned_data["port"])


class StartForm(PortForm):
    """Start a charge for a tag."""

    action = Action.REMOTE_START
    tag = forms.CharField(
        label=_("Tag"), max_length=TAG_LENGTH, help_text=_("The card's number, as stations read it.")
    )

    def payload(self) -> dict[str, Any]:
        return {"connectorId": self.connector, "idTag": self.cleaned_data["tag"]}


class StopForm(CommandForm):
    """Stop a charge that runs."""

    action = Action.REMOTE_STOP
    transaction = forms.ChoiceField(label=_("Charging now"))

    def fill(self) -> None:
        running = (
            ChargingSession.objects.of(self.station.organisation_id).active().filter(station=self.station)
        )
        rows = running.select_related("connector__evse").order_by("-started_at")
        self.fields["transaction"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (row.transaction_id, _("Port %s") % row.connector.evse.number)
            for row in rows
            if (row.transaction_id or "").isdigit()
        ]

    def payload(self) -> dict[str, Any]:
        return {"transactionId": int(self.cleaned_data["transaction"])}


class ResetForm(CommandForm):
    action = Action.RESET
    kind = forms.ChoiceField(
        label=_("How"),
        choices=[("Soft", _("Soft: let charges end first")), ("Hard", _("Hard: at once"))],
        widget=forms.RadioSelect,
        initial="Soft",
    )

    def payload(self) -> dict[str, Any]:
        return {"type": self.cleaned_data["kind"]}


class AvailabilityForm(PortForm):
    action = Action.CHANGE_AVAILABILITY
    whole = _("The whole station")
    kind = forms.ChoiceField(
        label=_("From now on"),
        choices=[("Inoperative", _("Out of service")), ("Operative", _("In service"))],
        widget=forms.RadioSelect,
    )

    def payload(self) -> dict[str, Any]:
        return {"connectorId": self.connector, "type": self.cleaned_data["kind"]}


class UnlockForm(PortForm):
    action = Action.UNLOCK_CONNECTOR

    def payload(self) -> dict[str, Any]:
        return {"connectorId": self.connector}


class TriggerForm(CommandForm):
    action = Action.TRIGGER_MESSAGE
    message = forms.ChoiceField(
        label=_("Message"),
        choices=[
            (name, name)
            for name in ("StatusNotification", "MeterValues", "BootNotification", "Heartbeat",
                         "DiagnosticsStatusNotification", "FirmwareStatusNotification")
        ],
    )  # fmt: skip

    def payload(self) -> dict[str, Any]:
        return {"requestedMessage": self.cleaned_data["message"]}


class ReadSettingsForm(CommandForm):
    action = Action.GET_CONFIGURATION
    key = forms.CharField(
        label=_("Setting"), max_length=50, required=False, help_text=_("Empty: all of them.")
    )

    def payload(self) -> dict[str, Any]:
        return {"key": [self.cleaned_data["key"]]} if self.cleaned_data["key"] else {}


class WriteSettingForm(CommandForm):
    action = Action.CHANGE_CONFIGURATION
    key = forms.CharField(label=_("Setting"), max_length=50, help_text=_("Such as MeterValueSampleInterval."))
    value = forms.CharField(label=_("Value"), max_length=500)

    def payload(self) -> dict[str, Any]:
        return {"key": self.cleaned_data["key"], "value": self.cleaned_data["value"]}


class ClearCacheForm(CommandForm):
    action = Action.CLEAR_CACHE


class ReserveForm(PortForm):
    action = Action.RESERVE_NOW
    tag = forms.CharField(label=_("For the tag"), max_length=TAG_LENGTH)
    minutes = forms.IntegerField(label=_("Minutes"), min_value=1, max_value=24 * 60, initial=30)

    def payload(self) -> dict[str, Any]:
        until = timezone.now() + timedelta(minutes=self.cleaned_data["minutes"])
        return {
            "connectorId": self.connector,
            "expiryDate": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "idTag": self.cleaned_data["tag"],
            "reservationId": self.number,
        }

    def fill(self) -> None:
        super().fill()
        self.number = randbelow(MILLION * 1000) + 1


class CancelReservationForm(CommandForm):
    action = Action.CANCEL_RESERVATION
    reservation = forms.ChoiceField(label=_("Reservation"))

    def fill(self) -> None:
        rows = Reservation.objects.of(self.station.organisation_id).filter(
            station=self.station, state__in=OPEN
        )
        self.fields["reservation"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (row.number, f"{row.masked}, {row.expires_at.astimezone(self.zone):%H:%M}") for row in rows
        ]

    def payload(self) -> dict[str, Any]:
        return {"reservationId": int(self.cleaned_data["reservation"])}


class LimitForm(PortForm):
    """A ceiling on the power: one smart-charging profile with one period."""

    action = Action.SET_CHARGING_PROFILE
    whole = _("The whole station")
    amperes = forms.DecimalField(label=_("Amperes a phase"), min_value=0, max_value=1000, decimal_places=1)
    hours = forms.IntegerField(label=_("Hours"), min_value=1, max_value=168, initial=24)

    def payload(self) -> dict[str, Any]:
        now = timezone.now().astimezone(UTC)
        until = now + timedelta(hours=self.cleaned_data["hours"])
        purpose = "TxDefaultProfile" if self.connector else "ChargePointMaxProfile"
        period = {"startPeriod": 0, "limit": float(self.cleaned_data["amperes"])}  # OCPP's number; no money
        profile = {
            "chargingProfileId": self.connector + 1,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Absolute",
            "validFrom": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "validTo": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
        }
        return {"connectorId": self.connector, "csChargingProfiles": profile}


class ClearLimitsForm(CommandForm):
    action = Action.CLEAR_CHARGING_PROFILE


class FirmwareForm(CommandForm):
    action = Action.UPDATE_FIRMWARE
    location = forms.URLField(label=_("Where the firmware is"), max_length=500, assume_scheme="https")

    def payload(self) -> dict[str, Any]:
        now = timezone.now().astimezone(UTC)
        return {"location": self.cleaned_data["location"], "retrieveDate": f"{now:%Y-%m-%dT%H:%M:%SZ}"}


class DiagnosticsForm(CommandForm):
    action = Action.GET_DIAGNOSTICS
    location = forms.URLField(
        label=_("Where the station uploads them"), max_length=500, assume_scheme="https"
    )

    def payload(self) -> dict[str, Any]:
        return {"location": self.cleaned_data["location"]}


class AnyForm(CommandForm):
    """Any action with its payload as JSON, for who knows OCPP."""

    what = forms.ChoiceField(label=_("Action"), choices=Action.choices)
    text = forms.CharField(
        label=_("Payload"),
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        initial="{}",
        max_length=50_000,
        help_text=_("JSON, in OCPP 1.6's words."),
    )

    def clean_text(self) -> dict[str, Any]:
        try:
            read = json.loads(self.cleaned_data["text"], parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("This is not JSON: %(error)s"), params={"error": error}) from error
        if not isinstance(read, dict):
            raise ValidationError(_("An object is needed, such as {}."))
        return read

    def named(self) -> str:
        return str(self.cleaned_data["what"])

    def payload(self) -> dict[str, Any]:
        read: dict[str, Any] = self.cleaned_data["text"]
        return read


@dataclass(frozen=True)
class Way:
    """A button of the station page: its name in the URL, its words, its form, what it does to people there."""

    name: str
    words: Promise
    form: type[CommandForm]
    warning: Promise | str = ""


WAYS = (
    Way("start", _("Start a charge"), StartForm),
    Way("stop", _("Stop a charge"), StopForm, _("The charge that runs there ends now.")),
    Way("unlock", _("Unlock the cable"), UnlockForm, _("A charge that runs there ends.")),
    Way("availability", _("In or out of service"), AvailabilityForm, _("Nobody can charge out of service.")),
    Way("reset", _("Restart"), ResetForm, _("The station is away for some minutes.")),
    Way("trigger", _("Ask for a message"), TriggerForm),
    Way("reserve", _("Reserve"), ReserveForm),
    Way("cancel-reservation", _("Cancel a reservation"), CancelReservationForm),
    Way("limit", _("Limit the power"), LimitForm, _("Cars charge no faster than this.")),
    Way("clear-limits", _("Lift all limits"), ClearLimitsForm),
    Way("read-settings", _("Read settings"), ReadSettingsForm),
    Way(
        "write-setting", _("Change a setting"), WriteSettingForm, _("A wrong value can cut the station off.")
    ),
    Way("clear-cache", _("Clear the tag cache"), ClearCacheForm),
    Way("diagnostics", _("Get diagnostics"), DiagnosticsForm),
    Way("firmware", _("Update the firmware"), FirmwareForm, _("The station is away while it updates.")),
    Way("any", _("Any command"), AnyForm, _("It is sent as you write it.")),
)
BY_NAME = {way.name: way for way in WAYS}
EVERYDAY = 6  # the rest waits behind "more"
