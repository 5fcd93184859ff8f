"""Derated ports: all of the latest sessions drew far less than the port usually gives.

Test: no session of the run drew more than 70 % of the median peak of the 60 sessions before it, and the run has
at least 12. If vehicles come in no particular order, each is as likely as not below that median, so the chance
that a run of 12 is by chance is at most (30 x 31 x ... x 41) / (61 x 62 x ... x 72) = 1 in 2,900, whatever the
mixture of vehicles; asked after each of 90 sessions a month, for runs of any length, at most .06 false alarms a
port and month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median_low

USUAL = 60
RUN = 12
FAR_BELOW_PERCENT = 70


@dataclass(frozen=True)
class Derated:
    """Since `since`, `sessions` sessions drew at most `now_w`, where `usual_w` was the median before."""

    since: datetime
    sessions: int
    usual_w: int
    now_w: int


def judge(peaks: Sequence[tuple[datetime, int]]) -> Derated | None:
    """The longest such run up to the latest of a port's `peaks` (start, W), oldest first; None if none is."""
    for at in range(USUAL, len(peaks) - RUN + 1):
        usual_w = median_low(power for _start, power in peaks[at - USUAL : at])
        now_w = max(power for _start, power in peaks[at:])
        if now_w * 100 < usual_w * FAR_BELOW_PERCENT:
            return Derated(peaks[at][0], len(peaks) - at, usual_w, now_w)
    return None
