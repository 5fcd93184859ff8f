"""A clock that a test sets: `django.utils.timezone.now` everywhere."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone


class Clock:
    """Stands still until told otherwise."""

    def __init__(self, at: datetime, patch: pytest.MonkeyPatch) -> None:
        self.at = at
        patch.setattr(timezone, "now", lambda: self.at)

    def go(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at
