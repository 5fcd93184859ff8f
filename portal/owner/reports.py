"""Reports by e-mail: the figures of a week or month, once a period to each subscriber, as HTML, text and PDF.

A row per subscriber and period is made first and claimed before sending: side by side or after a crash, no
period is sent twice by two processes; a crash right after sending may repeat that one mail, never lose it.
"""

import logging
from datetime import date, timedelta
from smtplib import SMTPException
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q
from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from portal.owner.revenue_figures import Figures
from portal.owner.revenue_query import asked_of
from revenue.models import ReportSubscription, SentReport

log = logging.getLogger(__name__)

CLAIM_FOR = timedelta(minutes=10)
TRIES = 8
Cadence = ReportSubscription.Cadence


def sweep() -> int:
    """Send every report whose period has ended and that did not go out; returns how many went."""
    for subscription in ReportSubscription.objects.select_related("organisation", "membership"):
        _expect(subscription)
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lt=timezone.now() - CLAIM_FOR)
    waiting = SentReport.objects.filter(free, sent_at__isnull=True, tries__lt=TRIES).order_by("first")
    asked = waiting.select_related("subscription__membership__user", "organisation")
    return sum(_send(report) for report in asked[:100] if _claim(report))


def period_before(cadence: str, today: date) -> tuple[date, date]:
    """The last whole week, Monday to Sunday, or month before `today`."""
    if cadence == Cadence.WEEKLY:
        first = today - timedelta(days=today.weekday() + 7)
        return first, first + timedelta(days=6)
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def _expect(subscription: ReportSubscription) -> None:
    """Make the row of the period that ended last, unless it ended before the subscription began."""
    zone = ZoneInfo(subscription.organisation.time_zone)
    first, last = period_before(subscription.cadence, timezone.now().astimezone(zone).date())
    if last >= subscription.since.astimezone(zone).date():
        SentReport.objects.get_or_create(
            organisation_id=subscription.organisation_id,
            subscription=subscription,
            first=first,
            defaults={"last": last},
        )


def _claim(report: SentReport) -> bool:
    return bool(
        SentReport.objects.of(report.organisation_id)
        .filter(pk=report.pk, sent_at__isnull=True, tries=report.tries)
        .update(claimed_at=timezone.now(), tries=F("tries") + 1)
    )


def _send(report: SentReport) -> bool:
    user = report.subscription.membership.user
    try:
        with translation.override(user.language or settings.LANGUAGE_CODE):
            letter(report, user.email).send()
    except (SMTPException, OSError) as error:
        log.warning("report %s not sent: %s", report.pk, error)
        return False
    SentReport.objects.of(report.organisation_id).filter(pk=report.pk).update(sent_at=timezone.now())
    return True


def letter(report: SentReport, email: str) -> EmailMultiAlternatives:
    """The mail: text, HTML and PDF, all of the same figures."""
    from billing.typesetting import typeset  # Pango and WeasyPrint take a second to load

    context = content(report)
    subject = _("%(organisation)s: %(first)s to %(last)s") % {
        "organisation": report.organisation.name, "first": report.first, "last": report.last,
    }  # fmt: skip
    mail = EmailMultiAlternatives(subject, render_to_string("owner/mail/report.txt", context), to=[email])
    mail.attach_alternative(render_to_string("owner/mail/report.html", context), "text/html")
    pdf = typeset(render_to_string("owner/mail/report_pdf.html", context))
    mail.attach(f"revenue-{report.first}.pdf", pdf, "application/pdf")
    return mail


def content(report: SentReport) -> dict[str, Any]:
    """What the report says, from the same figures as the revenue page with these days in its URL."""
    query = QueryDict(f"since={report.first}&until={report.last}&step=day")
    figures = Figures(asked_of(report.organisation, query))
    path = reverse("portal:revenue", args=[report.organisation.slug])
    return {
        "report": report,
        "organisation": report.organisation,
        "currency": figures.currency,
        "tiles": figures.tiles(),
        "total": figures.total,
        "tables": [figures.by_site(), figures.by_tariff(), figures.by_column()],
        "url": f"{settings.BASE_URL}{path}?{query.urlencode()}",
    }
