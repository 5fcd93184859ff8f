"""Planned maintenance: what is planned, and a form to plan more."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Organisation, Role
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.maintenance import windows
from stations.models import EVSE, PlannedWindow
from stations.uptime.exclusions import Place

EDITORS = (Role.OWNER, Role.MANAGER, Role.TECHNICIAN)
SHOWN = 50


class PortField(forms.ModelChoiceField):  # type: ignore[type-arg]  # the class takes none at run time
    """A choice of ports, each with its site."""

    def label_from_instance(self, obj: EVSE) -> str:
        return f"{obj.station.site} · {obj}"


class WindowForm(forms.Form):
    """Where and when; times are the site's."""

    port = PortField(queryset=EVSE.objects.none(), label=gettext_lazy("Port"))
    breadth = forms.ChoiceField(
        label=gettext_lazy("Where"),
        choices=[
            ("port", gettext_lazy("This port")),
            ("station", gettext_lazy("The whole station")),
            ("site", gettext_lazy("The whole site")),
        ],
    )
    since = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    until = forms.DateTimeField(
        label=gettext_lazy("To"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    words = forms.CharField(
        label=gettext_lazy("What drivers read"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("The times are said anyway. For example: we fit longer cables."),
    )

    def __init__(self, *args: object, organisation: Organisation, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # the form's own arguments
        ports = EVSE.objects.of(organisation).select_related("station__site")
        self.fields["port"].queryset = ports.order_by(  # type: ignore[attr-defined]  # a PortField
            "station__site__name", "station__name", "number"
        )


@member()
@require_http_methods(["GET", "HEAD", "POST"])
def planned(request: MemberRequest) -> HttpResponse:
    """What is planned; with POST, plan another."""
    if request.method == "POST":
        return _plan(request)
    return _page(request, WindowForm(organisation=request.organisation))


@member(*EDITORS)
@require_POST
def window_cancel(request: MemberRequest, window_id: UUID) -> HttpResponse:
    """Call a window off, or end it now."""
    found = PlannedWindow.objects.of(request.organisation).filter(pk=window_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    windows.cancel(found, request.user)
    messages.success(request, _("Called off. Ports that were closed for it open again within a minute."))
    return redirect("portal:windows", request.organisation.slug)


def _plan(request: MemberRequest) -> HttpResponse:
    if request.membership.role not in EDITORS:
        messages.error(request, _("Your role may not plan maintenance."))
        return _page(request, WindowForm(organisation=request.organisation), status=403)
    form = WindowForm(request.POST, organisation=request.organisation)
    with timezone.override(_zone_of(request)):
        valid = form.is_valid()
    if valid:
        said = form.cleaned_data
        try:
            windows.plan(
                Place.around(said["port"], said["breadth"]),
                said["since"],
                said["until"],
                words=said["words"],
                by=request.user,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Planned. Drivers read of it from a day before."))
            return redirect("portal:windows", request.organisation.slug)
    return _page(request, form)


def _zone_of(request: HttpRequest) -> ZoneInfo:
    """The zone of the port that the form names: its times are local there."""
    form = WindowForm(request.POST, organisation=request.organisation)  # type: ignore[attr-defined]  # a member's
    form.full_clean()
    port = form.cleaned_data.get("port")
    return ZoneInfo(port.station.site.time_zone if port else "UTC")


def _page(request: MemberRequest, form: WindowForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    rows = PlannedWindow.objects.of(request.organisation).select_related(
        "site", "station", "evse__station", "planned_by"
    )
    context = {
        "here": "maintenance",
        "form": form,
        "rows": [(one, ZoneInfo(one.site.time_zone), _state(one, now)) for one in rows[:SHOWN]],
        "may_edit": request.membership.role in EDITORS,
    }
    response = owner_page(request, "owner/windows.html", context)
    response.status_code = status
    return response


def _state(window: PlannedWindow, now: datetime) -> str:
    if window.cancelled_at is not None:
        return "called_off"
    if window.until <= now:
        return "window_over"
    return "planned" if window.since > now else "underway"
