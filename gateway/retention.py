"""The message log is kept for a set time; older months are dropped whole."""

from django.conf import settings
from django.utils import timezone

from accounts.partitions import drop_month, old_months

TABLE = "gateway_ocppmessage"


def drop_old_messages() -> list[str]:
    """Drop the months past MESSAGES_KEPT_MONTHS; returns the names of their partitions."""
    months = settings.MESSAGES_KEPT_MONTHS
    return [name for name in old_months(TABLE, timezone.now(), months) if drop_month(name)]
