"""What a driver is charging at this moment, and starts that the station has not answered yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Driver
from charging.models import ChargingSession, SessionState, StationCommand
from portal import live
from portal.charts import PriceLine
from portal.cost import Shares
from portal.running import costs_so_far
from portal.scopes import DriverRequest, View

START_SHOWN_FOR = timedelta(minutes=3)
STANDS_S = 10
PLACE = "driver"


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


def now_fragment(request: DriverRequest, driver_id: UUID) -> HttpResponse:
    """What is charging now, alone; from the cache while nothing is heard of the stations."""

    def make() -> live.Fragment:
        found = now_of(Driver.objects.get(pk=driver_id))
        stations = [one.session.station_id for one in found.running]
        response = render(request, "driver/now.html", {"now": found})
        return live.Fragment(response, stations, STANDS_S if stations else 0)

    return live.polled(request, f"driver:{driver_id}:{live.viewer_of(request)}", make)


def with_pass(view: View) -> View:
    """Around a `driver` view: who was let in within the last minute is not looked up again."""

    @wraps(view)
    def passed(request: DriverRequest) -> HttpResponseBase:
        if known := live.pass_of(request, PLACE):
            return now_fragment(request, UUID(known))
        response = view(request)
        if response.status_code in (200, 304):
            live.give_pass(request, PLACE, str(request.driver.pk))
        return response

    return passed
