"""Setting up dynamic prices: guardrails, rules and feeds. Who changed what is kept."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from portal.owner.dynamic import MAY_CHANGE, with_rules
from portal.owner.dynamic_forms import FeedForm, GuardrailsForm, RuleForm
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.dynamic.feeds import store
from revenue.dynamic.switching import record
from revenue.models import Feed, FeedValue, PriceRule, RuleSet, RuleSetEvent

CHANGED = RuleSetEvent.Kind.CHANGED
get_or_post = require_http_methods(["GET", "POST"])


@member(*MAY_CHANGE)
@get_or_post
@with_rules
def guardrails(request: MemberRequest, rule_set: RuleSet) -> HttpResponse:
    """The guardrails of one site."""
    form = GuardrailsForm(request.POST or None, instance=rule_set)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save(commit=False)
            saved.save(update_fields=list(form.Meta.fields))
            changed = {name: str(form.cleaned_data[name]) for name in form.changed_data}
            record(rule_set, CHANGED, request.user, {"guardrails": changed})
        messages.success(request, _("Saved. It counts from the next decision on."))
        return _to_site(request, rule_set.site_id)
    context = {"here": "prices", "site": rule_set.site, "form": form, "currency": rule_set.tariff.currency}
    return owner_page(request, "owner/prices_guardrails.html", context)


def _to_site(request: MemberRequest, site_id: UUID) -> HttpResponse:
    return redirect("portal:prices-site", request.organisation.slug, site_id)


@member(*MAY_CHANGE)
@get_or_post
@with_rules
def rule_new(request: MemberRequest, rule_set: RuleSet) -> HttpResponse:
    """A further rule, behind the others."""
    own = PriceRule.objects.of(request.organisation).filter(rule_set=rule_set)
    last = own.aggregate(last=Max("position"))["last"]
    position = 0 if last is None else last + 1
    fresh = PriceRule(organisation=request.organisation, rule_set=rule_set, position=position)
    return _rule_page(request, rule_set, fresh)


@member(*MAY_CHANGE)
@get_or_post
def rule(request: MemberRequest, rule_id: UUID) -> HttpResponse:
    """Change one rule."""
    found = _rule_of(request, rule_id)
    return _rule_page(request, found.rule_set, found)


def _rule_of(request: MemberRequest, rule_id: UUID) -> PriceRule:
    rules = PriceRule.objects.of(request.organisation).filter(pk=rule_id)
    found: PriceRule | None = rules.select_related(
        "rule_set__site", "rule_set__tariff", "rule_set__base"
    ).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    return found


def _rule_page(request: MemberRequest, rule_set: RuleSet, row: PriceRule) -> HttpResponse:
    form = RuleForm(rule_set, request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            record(rule_set, CHANGED, request.user, {"rule": row.name, "changed": form.changed_data})
        messages.success(request, _("Saved. It counts from the next decision on."))
        return _to_site(request, rule_set.site_id)
    context = {
        "here": "prices",
        "site": rule_set.site,
        "form": form,
        "rule": row,
        "is_new": row._state.adding,
    }
    return owner_page(request, "owner/prices_rule.html", context)


@member(*MAY_CHANGE)
@require_POST
def rule_delete(request: MemberRequest, rule_id: UUID) -> HttpResponse:
    """Take a rule away."""
    found = _rule_of(request, rule_id)
    with transaction.atomic():
        record(found.rule_set, CHANGED, request.user, {"rule": found.name, "deleted": True})
        found.delete()
    messages.success(request, _("The rule is gone."))
    return _to_site(request, found.rule_set.site_id)


@member(*MAY_CHANGE)
@require_POST
def rule_up(request: MemberRequest, rule_id: UUID) -> HttpResponse:
    """One place earlier: the first rule that holds counts."""
    found = _rule_of(request, rule_id)
    with transaction.atomic():
        RuleSet.objects.of(request.organisation).select_for_update().get(pk=found.rule_set_id)
        order = list(PriceRule.objects.of(request.organisation).filter(rule_set=found.rule_set))
        place = order.index(found)
        if place:
            order[place - 1], order[place] = order[place], order[place - 1]
        for position, row in enumerate(order):
            row.position = position
        PriceRule.objects.bulk_update(order, ["position"])
        record(found.rule_set, CHANGED, request.user, {"rule": found.name, "moved": "up"})
    return _to_site(request, found.rule_set.site_id)


@member(*MAY_CHANGE)
@get_or_post
def feeds(request: MemberRequest) -> HttpResponse:
    """All feeds, and a form for a further one."""
    fresh = Feed(organisation=request.organisation)
    own = [
        {
            "feed": feed,
            "last": FeedValue.objects.of(request.organisation).filter(feed=feed).order_by("-at").first(),
        }
        for feed in Feed.objects.of(request.organisation)
    ]
    return _feed_page(request, fresh, {"feeds": own})


@member(*MAY_CHANGE)
@get_or_post
def feed(request: MemberRequest, feed_id: UUID) -> HttpResponse:
    """One feed: its settings, its coming values, an upload."""
    found = Feed.objects.of(request.organisation).filter(pk=feed_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    values = FeedValue.objects.of(request.organisation).filter(feed=found).order_by("-at")[:48]
    return _feed_page(request, found, {"feed": found, "values": values})


def _feed_page(request: MemberRequest, row: Feed, context: dict[str, Any]) -> HttpResponse:
    form = FeedForm(request.organisation, *_posted(request), instance=row)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            count = store(saved, form.values, timezone.now())
        messages.success(request, _("Saved, with values for %(count)s hours.") % {"count": count})
        return redirect("portal:prices-feed", request.organisation.slug, saved.pk)
    return owner_page(request, "owner/prices_feeds.html", {"here": "prices", "form": form, **context})


def _posted(request: HttpRequest) -> tuple[Any, Any]:
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)
