"""A letter to those who set prices, when a site's prices come into doubt: one for each spell, not one an hour."""

import logging
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.db import transaction

from accounts.models import Membership, Role
from revenue.models import PriceDecision

log = logging.getLogger(__name__)

TOLD = (Role.OWNER, Role.MANAGER)


def tell(decision: PriceDecision) -> None:
    """Write once the decision is committed, if it is the first in doubt after one that was not."""
    before = (
        PriceDecision.objects.of(decision.organisation_id)
        .filter(rule_set=decision.rule_set, slot__lt=decision.slot)
        .order_by("-slot")
        .first()
    )
    if decision.alerts and not (before is not None and before.alerts):
        transaction.on_commit(lambda: _send(decision))


def _send(decision: PriceDecision) -> None:
    members = Membership.objects.of(decision.organisation_id).filter(role__in=TOLD, user__is_active=True)
    people = list(members.values_list("user__email", flat=True))
    if not people:
        return
    reasons = "\n".join(f"- {alert}" for alert in decision.alerts)
    price = (
        "nothing new was published"
        if decision.price is None
        else f"the price is {decision.price.normalize():f}"
    )
    text = (
        f"From {decision.slot:%Y-%m-%d %H:%M} UTC {price} at {decision.site}, because the rules could not decide:\n\n"
        f"{reasons}\n\nThe page of the site's prices shows every decision. You get one letter for each such spell.\n"
    )
    try:
        EmailMessage(f"Prices at {decision.site}: in doubt", text, bcc=people).send()
    except (SMTPException, OSError) as error:
        log.warning("letter on the prices of %s not sent: %s", decision.site, error)
