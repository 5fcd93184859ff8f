"""Starting and stopping with an account: a command to the station, once however often the button is pressed."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.authorisation import Verdict, authorise
from accounts.models import Driver, Token
from charging import commands
from charging.models import ChargingSession, StationCommand
from stations.models import Connector

ONE_START_IN = timedelta(seconds=60)
UNANSWERED = (StationCommand.State.PENDING, StationCommand.State.SENT, StationCommand.State.ACCEPTED)


class StartRefused(Exception):
    """Why the driver can't start here, in words for the driver."""


@transaction.atomic
def start_charging(driver: Driver, connector: Connector) -> StationCommand:
    """Ask the station to start for `driver`; a repeat within a minute is the same start. Raises StartRefused."""
    Driver.objects.select_for_update().get(pk=driver.pk)
    uid = Token.remote_uid(driver.pk)
    if not driver.tokens.filter(uid_hash=Token.hash_of(uid)).exists():
        Token.issue(driver, uid, kind=Token.Kind.APP, label=_("This app"))
    verdict = authorise(connector.organisation_id, uid).verdict
    if verdict is not Verdict.ACCEPTED:
        raise StartRefused(_refusal(verdict))
    return _started_already(driver, connector) or _ask_station(driver, connector, uid)


def _ask_station(driver: Driver, connector: Connector, uid: str) -> StationCommand:
    return commands.request(
        connector.evse.station,
        StationCommand.Action.REMOTE_START,
        {"connectorId": connector.evse.number, "idTag": uid},
        cause_kind="driver",
        cause_id=driver.pk,
        requested_by=driver.user,
    )


def _started_already(driver: Driver, connector: Connector) -> StationCommand | None:
    lately: StationCommand | None = (
        StationCommand.objects.of(connector.organisation_id)
        .filter(
            action=StationCommand.Action.REMOTE_START,
            station=connector.evse.station_id,
            cause_id=driver.pk,
            state__in=UNANSWERED,
            created_at__gte=timezone.now() - ONE_START_IN,
        )
        .first()
    )
    return lately


def _refusal(verdict: Verdict) -> str:
    if verdict is Verdict.BLOCKED:
        return _(
            "You can't start here: a payment to this operator is open. Pay it on its session's page first."
        )
    return _("Your account can't start here. Ask the operator.")


def stop_charging(session: ChargingSession, *, cause_kind: str, cause_id: UUID) -> StationCommand | None:
    """Ask the station to stop a running session, once; None if it has ended or can't be told to."""
    if session.state != ChargingSession.State.ACTIVE or not session.transaction_id:
        return None
    asked = commands.stop_payload(session)
    waiting = (
        StationCommand.objects.of(session.organisation_id)
        .unfinished()
        .filter(station=session.station_id, action=StationCommand.Action.REMOTE_STOP, payload=asked)
        .first()
    )
    return waiting or commands.request(
        session.station, StationCommand.Action.REMOTE_STOP, asked, cause_kind=cause_kind, cause_id=cause_id
    )
