"""Setting up a station: site, ports, credentials shown once, the wait for its first contact, a new password."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Organisation, RegistryKey
from accounts.models.organisation import validate_time_zone
from charging.credentials import rotate_password
from portal.owner.shell import owner_page
from portal.owner.stations_page import MAY_SET_UP, station_context, station_of
from portal.scopes import MemberRequest, member
from stations.credentials import issue_password, new_password
from stations.models import EVSE, Connector, Site, Station

MOST_PORTS = 20
WATTS = 1000
VERSIONS = ("1.6", "2.0.1", "2.1")


class PortsForm(forms.Form):
    """Ports of one kind."""

    ports = forms.IntegerField(
        label=gettext_lazy("Ports"), min_value=1, max_value=MOST_PORTS, initial=1,
        help_text=gettext_lazy("How many cars charge at the same time."),
    )  # fmt: skip
    power_type = forms.ChoiceField(label=gettext_lazy("Current"), choices=EVSE.PowerType.choices)
    max_power_kw = forms.DecimalField(
        label=gettext_lazy("Power of a port, kW"),
        min_value=1,
        max_value=2000,
        max_digits=6,
        decimal_places=1,
        initial=22,
    )
    standard = forms.ChoiceField(label=gettext_lazy("Plug"), choices=Connector.Standard.choices)
    tethered = forms.BooleanField(label=gettext_lazy("The cable hangs on the station"), required=False)

    def add_ports(self, station: Station) -> None:
        """Make the ports, numbered after those that are there."""
        asked = self.cleaned_data
        first = station.evses.count() + 1
        for number in range(first, first + asked["ports"]):
            evse = EVSE.objects.create(
                organisation_id=station.organisation_id,
                station=station,
                number=number,
                power_type=asked["power_type"],
                max_power_w=int(asked["max_power_kw"] * WATTS),
            )
            Connector.objects.create(
                organisation_id=station.organisation_id,
                evse=evse,
                standard=asked["standard"],
                tethered=asked["tethered"],
            )


class StationForm(PortsForm):
    """A station at one of the organisation's sites, or at a new one."""

    field_order = ("identity", "name", "site")
    site = forms.ModelChoiceField(
        label=gettext_lazy("Site"),
        queryset=Site.objects.none(),
        required=False,
        empty_label=gettext_lazy("A new site, below"),
    )
    site_name = forms.CharField(label=gettext_lazy("Name of the new site"), max_length=120, required=False)
    street = forms.CharField(label=gettext_lazy("Street"), max_length=200, required=False)
    postal_code = forms.CharField(label=gettext_lazy("Postal code"), max_length=20, required=False)
    city = forms.CharField(label=gettext_lazy("City"), max_length=100, required=False)
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"), max_length=64, required=False, validators=[validate_time_zone],
        help_text=gettext_lazy("Prices follow the clock there."),
    )  # fmt: skip
    identity = forms.CharField(
        label=gettext_lazy("Identity"), max_length=48,
        validators=Station._meta.get_field("identity").validators,
        help_text=gettext_lazy("What the station calls itself; often its serial number."),
    )  # fmt: skip
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, help_text=gettext_lazy("What drivers see.")
    )
    security_profile = forms.TypedChoiceField(
        label=gettext_lazy("Security"),
        coerce=int,
        initial=Station.SecurityProfile.BASIC,
        choices=[choice for choice in Station.SecurityProfile.choices if choice[0]],
        help_text=gettext_lazy("Profile 2 and 3 need the gateway's TLS port."),
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisation = organisation
        sites = self.fields["site"]
        sites.queryset = Site.objects.of(organisation)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["time_zone"].initial = organisation.time_zone

    def clean_identity(self) -> str:
        identity = str(self.cleaned_data["identity"])
        if RegistryKey.objects.filter(kind=RegistryKey.Kind.OCPP_IDENTITY, key=identity).exists():
            raise ValidationError(_("Another station holds this identity; give this one its own."))
        return identity

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("site") is None and "site" not in self.errors:
            name = cleaned.get("site_name")
            if not name:
                self.add_error("site_name", _("Choose a site above, or name the new one."))
            elif Site.objects.of(self.organisation).filter(name=name).exists():
                self.add_error("site_name", _("There is a site of this name; choose it above."))
        return cleaned

    @transaction.atomic
    def create(self, password: str) -> Station:
        """The station with its ports, known to the world by its identity. IntegrityError if that is taken."""
        asked = self.cleaned_data
        station = Station(
            organisation=self.organisation,
            site=asked["site"] or self._new_site(),
            identity=asked["identity"],
            name=asked["name"],
            security_profile=asked["security_profile"],
        )
        station.set_password(password)
        station.save()
        station.register()
        self.add_ports(station)
        return station

    def _new_site(self) -> Site:
        asked = self.cleaned_data
        names = ("street", "postal_code", "city")
        site: Site = Site.objects.create(
            organisation=self.organisation,
            name=asked["site_name"],
            country=self.organisation.country,
            time_zone=asked["time_zone"] or self.organisation.time_zone,
            **{name: asked[name] for name in names},
        )
        return site


@member(*MAY_SET_UP)
@never_cache
@require_http_methods(["GET", "POST"])
def new_station(request: MemberRequest) -> HttpResponse:
    """The form; what it makes is answered with the credentials, which are nowhere else."""
    form = StationForm(request.POST or None, organisation=request.organisation)
    if request.method == "POST" and form.is_valid():
        password = new_password()
        try:
            station = form.create(password)
        except IntegrityError:  # somebody else took the identity a moment ago
            form.add_error("identity", _("Another station holds this identity; give this one its own."))
        else:
            return _credentials(request, station, password)
    return owner_page(request, "owner/station_new.html", {"here": "stations", "form": form})


def _credentials(
    request: MemberRequest, station: Station, password: str = "", *, told: bool = False
) -> HttpResponse:
    base = settings.GATEWAY_URL.rstrip("/")
    context = station_context(request, station) | {
        "password": password,
        "told": told,
        "base": base,
        "url": f"{base}/{station.identity}",
        "versions": [(version, f"ocpp{version}") for version in VERSIONS],
    }
    return owner_page(request, "owner/station_connect.html", context)


@member(*MAY_SET_UP)
@require_GET
def connect(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """What to type into the station, the password apart."""
    return _credentials(request, station_of(request, station_id))


@member()
@require_GET
def contact(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """Whether the station has called yet, for the page to refresh itself."""
    context = station_context(request, station_of(request, station_id))
    return render(request, "owner/station_contact.html", context)


@member(*MAY_SET_UP)
@never_cache
@require_http_methods(["GET", "POST"])
def new_station_password(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """Ask, then issue a new password and show it once; the old one holds until the station uses the new one."""
    station = station_of(request, station_id)
    if request.method != "POST":
        return owner_page(request, "owner/station_password.html", station_context(request, station))
    told = station.connected_at is not None
    issued = rotate_password(station, requested_by=request.user).password if told else issue_password(station)
    return _credentials(request, station, issued, told=told)


@member(*MAY_SET_UP)
@require_http_methods(["GET", "POST"])
def new_ports(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """Add ports of another kind."""
    station = station_of(request, station_id)
    form = PortsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            Station.objects.select_for_update().get(pk=station.pk)
            form.add_ports(station)
        return redirect("portal:owner-station", request.organisation.slug, station.pk)
    context = station_context(request, station) | {"form": form}
    return owner_page(request, "owner/station_ports.html", context)
