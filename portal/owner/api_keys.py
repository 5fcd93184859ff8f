"""API keys of an organisation: made here, shown once, revoked here."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import ApiKey, Organisation, Role
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member

MAY_SEE = (Role.OWNER, Role.MANAGER)
SCOPES = [
    (ApiKey.Scope.READ, gettext_lazy("Read stations, sessions, prices and messages")),
    (ApiKey.Scope.COMMANDS, gettext_lazy("Send commands to stations")),
]


class KeyForm(forms.Form):
    """A new key."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=80, help_text=gettext_lazy("Which program uses it.")
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        choices=SCOPES,
        widget=forms.CheckboxSelectMultiple,
        initial=[ApiKey.Scope.READ],
    )
    expires = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: until somebody revokes it."),
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(organisation.time_zone)

    def clean_expires(self) -> datetime | None:
        day = self.cleaned_data["expires"]
        if day is None:
            return None
        end = datetime.combine(day, time.max, tzinfo=self.zone).astimezone(UTC)
        if end <= timezone.now():
            raise ValidationError(_("This day has passed."))
        return end


@member(*MAY_SEE)
@never_cache
@require_http_methods(["GET", "POST"])
def api_keys(request: MemberRequest) -> HttpResponse:
    """The keys, and the form of a new one. The key itself is in the answer to the form, and nowhere else."""
    form = KeyForm(request.POST or None, organisation=request.organisation)
    shown = ""
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        _row, shown = ApiKey.issue(
            request.organisation,
            asked["name"],
            asked["scopes"],
            expires_at=asked["expires"],
            created_by=request.user,
        )
        form = KeyForm(organisation=request.organisation)
    keys = ApiKey.objects.of(request.organisation).select_related("created_by")
    context = {"here": "api-keys", "form": form, "shown": shown, "keys": keys}
    return owner_page(request, "owner/api_keys.html", context)


@member(*MAY_SEE)
@require_http_methods(["GET", "POST"])
def revoke_api_key(request: MemberRequest, key_id: UUID) -> HttpResponse:
    """Ask, then refuse the key from now on."""
    key = ApiKey.objects.of(request.organisation).filter(pk=key_id).first()
    if key is None:
        raise Http404(_("There is nothing here."))
    if request.method != "POST":
        return owner_page(request, "owner/api_key_revoke.html", {"here": "api-keys", "key": key})
    key.revoke()
    messages.success(request, _("The key is refused from now on."))
    return redirect("portal:api-keys", request.organisation.slug)
