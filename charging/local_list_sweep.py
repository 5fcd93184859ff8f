"""Keep stations' local lists in step with the tokens: what differs is sent, and sent again until acknowledged."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Token
from charging import commands
from charging.local_lists import Entries, entries_of, wanted_tokens
from charging.models import LocalList, StationCommand

State = LocalList.State
PER_MESSAGE = 100  # entries; the rest follows as a difference
LOOK_AGAIN = timedelta(seconds=60)
ASK_VERSION_AFTER = timedelta(days=1)
CAUSE = "local_list"


def sweep(limit: int = 200) -> int:
    """Look at the lists that are due, of stations that are connected; returns how many commands were written."""
    now = timezone.now()
    with transaction.atomic():
        due = (
            LocalList.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=now), enabled=True)
            .filter(station__connected_at__isnull=False)
            .exclude(state__in=(State.SENDING, State.UNSUPPORTED))
            .select_related("station")
            .order_by(F("next_try_at").asc(nulls_first=True))[:limit]
        )
        known: dict[tuple[Any, int], tuple[list[Token], Entries]] = {}
        return sum(_look_at(one, known) for one in due)


def _look_at(found: LocalList, known: dict[tuple[Any, int], tuple[list[Token], Entries]]) -> int:
    """Send what is missing of one list; lists of one organisation and size share the look-up."""
    key = (found.organisation_id, found.max_entries)
    if key not in known:
        tokens = wanted_tokens(*key)
        known[key] = (tokens, entries_of(found.organisation_id, tokens))
    tokens, wanted = known[key]
    if found.send_full or wanted != found.entries:
        return _send(found, tokens, wanted)
    found.next_try_at = timezone.now() + LOOK_AGAIN
    asked = _should_ask(found)
    if asked:
        found.version_asked_at = timezone.now()
        commands.request(
            found.station,
            StationCommand.Action.GET_LOCAL_LIST_VERSION,
            {},
            cause_kind=CAUSE,
            cause_id=found.pk,
        )
    found.save()
    return int(asked)


def _should_ask(found: LocalList) -> bool:
    """Once a day, and when the station was booted since: it may have lost its list."""
    last, boot = found.version_asked_at, found.station.boot_at
    return last is None or timezone.now() - last > ASK_VERSION_AFTER or (boot is not None and boot > last)


def _send(found: LocalList, tokens: Sequence[Token], wanted: Entries) -> int:
    before: Entries = {} if found.send_full else found.entries
    changed = [key for key in wanted if before.get(key) != wanted[key]]
    gone = [key for key in before if key not in wanted]
    chosen = (gone + changed)[:PER_MESSAGE]
    found.sent_version = max(found.version, found.sent_version) + 1
    found.sent_entries = {key: value for key, value in before.items() if key not in chosen}
    found.sent_entries |= {key: wanted[key] for key in chosen if key in wanted}
    payload = {
        "listVersion": found.sent_version,
        "updateType": "Full" if found.send_full else "Differential",
        "localAuthorizationList": _said(chosen, wanted, tokens),
    }
    found.command = commands.request(
        found.station, StationCommand.Action.SEND_LOCAL_LIST, payload, cause_kind=CAUSE, cause_id=found.pk
    )
    found.state, found.next_try_at = State.SENDING, None
    found.save()
    return 1


def _said(chosen: Sequence[str], wanted: Entries, tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """OCPP 1.6 AuthorizationData; an entry without idTagInfo is taken off the list (section 7.3)."""
    by_id = {str(token.pk): token for token in tokens}
    missing = [key for key in chosen if key not in by_id]
    by_id |= {str(token.pk): token for token in Token.objects.filter(pk__in=missing)}
    said = []
    for key in chosen:
        uid = by_id[key].uid if key in by_id else None
        if uid is not None:
            info = {"idTagInfo": _info(wanted[key])} if key in wanted else {}
            said.append({"idTag": uid, **info})
    return said


def _info(entry: Sequence[str]) -> dict[str, str]:
    return {"status": entry[0]} | ({"expiryDate": entry[1]} if len(entry) > 1 else {})
