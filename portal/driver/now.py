"""What a driver is charging at this moment, and starts that the station has not answered yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import Driver
from charging.models import ChargingSession, SessionState, StationCommand
from portal.charts import PriceLine
from portal.cost import Shares
from portal.running import costs_so_far

START_SHOWN_FOR = timedelta(minutes=3)


@dataclass(frozen=True)
class RunningSession:
    """A session that runs: so far, by the clock of its site."""

    session: ChargingSession
    started: datetime
    duration_s: int
    energy_wh: int
    power_kw: int | None
    shares: Shares | None
    line: PriceLine | None
    is_idle: bool


@dataclass(frozen=True)
class Now:
    """Sessions that run, and the latest start that waits for its station or was refused."""

    running: list[RunningSession]
    starting: StationCommand | None


def now_of(driver: Driver) -> Now:
    """What `driver` has running or starting."""
    sessions = (
        ChargingSession.objects.filter(driver=driver)
        .active()
        .select_related("connector__evse__station__site", "tariff_version", "organisation", "station")
        .order_by("-started_at")
    )
    running = running_sessions(list(sessions))
    return Now(running, None if running else latest_start(driver))


def running_sessions(sessions: list[ChargingSession]) -> list[RunningSession]:
    """Sessions with what they have come to until now."""
    at = timezone.now()
    costs = costs_so_far(sessions, at)
    return [_running(session, costs.get(session.pk), at) for session in sessions]


def latest_start(driver: Driver) -> StationCommand | None:
    """The driver's last remote start, for as long as its outcome is news."""
    started: StationCommand | None = (
        StationCommand.objects.filter(
            action=StationCommand.Action.REMOTE_START,
            cause_kind="driver",
            cause_id=driver.pk,
            created_at__gte=timezone.now() - START_SHOWN_FOR,
        )
        .select_related("station__site")
        .order_by("-created_at")
        .first()
    )
    if started is None:
        return None
    since_then = ChargingSession.objects.filter(driver=driver, started_at__gte=started.created_at)
    return None if since_then.exists() else started


def _running(session: ChargingSession, shares: Shares | None, at: datetime) -> RunningSession:
    power = session.last_power_w
    state = SessionState.objects.of(session.organisation_id).filter(session=session).order_by("-at").first()
    return RunningSession(
        session=session,
        started=session.started_at.astimezone(ZoneInfo(session.station.site.time_zone)),
        duration_s=max(0, int((at - session.started_at).total_seconds())),
        energy_wh=session.energy_wh,
        power_kw=None if power is None else (power + 500) // 1000,
        shares=shares,
        line=shares.line() if shares else None,
        is_idle=state is not None and state.state == SessionState.State.PARKED,
    )
