"""Commands are asked for in the words of OCPP 1.6; here they become what the station speaks.

Actions that only newer versions have are asked for in their own words and pass as they are.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from accounts.models import Token
from charging.ingest.remote import remote_start_number
from charging.models import StationCommand
from gateway.decoding import OCPP_16
from gateway.schemas import requests
from gateway.variables import get_variables, set_variable

Payload = dict[str, Any]
Translation = tuple[str, Payload]
TRIGGERS = {"DiagnosticsStatusNotification": "LogStatusNotification"}
PURPOSES = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}
RESETS = {"Hard": "Immediate", "Soft": "OnIdle"}


class NotSayable(ValueError):
    """The command can't be said in the station's version; the text names the field and what to do."""


def outgoing(version: str, command: StationCommand) -> Translation:
    """Action and payload for a station that speaks `version`. Blocking: it looks tokens up.

    Raises NotSayable for what its official schema refuses.
    """
    action, payload = command.action, command.payload
    if version != OCPP_16 and action in NEW:
        try:
            action, payload = NEW[action](command)
        except (KeyError, TypeError, AttributeError) as error:
            raise NotSayable(f"payload: {error} is missing or not of the form that 1.6 gives it") from None
    if problem := invalid(version, action, payload):
        raise NotSayable(problem)
    return action, payload


def invalid(version: str, action: str, payload: Any) -> str:
    """What the official schema finds wrong with a call of ours, or nothing."""
    schema = requests(version).get(action)
    if schema is None:
        return f"action: {action!r} is no action of OCPP {version.removeprefix('ocpp')}"
    try:
        schema.validate(msgspec.json.encode(payload))
    except msgspec.ValidationError as error:
        return f"payload: {error}"
    return ""


def incoming(action: str, answer: Payload) -> Payload:
    """The answer, with a status of its own where it has one for each of several settings."""
    results = answer.get("setVariableResult")
    if action != StationCommand.Action.CHANGE_CONFIGURATION or not results:
        return answer
    return {"status": results[0].get("attributeStatus", "Rejected"), **answer}


def _remote_start(command: StationCommand) -> Translation:
    asked = command.payload
    told: Payload = {
        "idToken": _tokens([asked["idTag"]])[asked["idTag"]],
        "remoteStartId": remote_start_number(command.pk),
    }
    if "connectorId" in asked:
        told["evseId"] = asked["connectorId"]
    if "chargingProfile" in asked:
        told["chargingProfile"] = _profile(asked["chargingProfile"])
    return "RequestStartTransaction", told


def _remote_stop(command: StationCommand) -> Translation:
    return "RequestStopTransaction", {"transactionId": str(command.payload["transactionId"])}


def _reset(command: StationCommand) -> Translation:
    kind = command.payload["type"]
    return "Reset", {**command.payload, "type": RESETS.get(kind, kind)}


def _change_availability(command: StationCommand) -> Translation:
    asked = command.payload
    told: Payload = {"operationalStatus": asked["type"]}
    if asked["connectorId"] != 0:
        told["evse"] = {"id": asked["connectorId"]}
    return "ChangeAvailability", told


def _unlock(command: StationCommand) -> Translation:
    return "UnlockConnector", {"evseId": command.payload["connectorId"], "connectorId": 1}


def _trigger(command: StationCommand) -> Translation:
    asked = command.payload
    wanted = asked["requestedMessage"]
    told: Payload = {"requestedMessage": TRIGGERS.get(wanted, wanted)}
    if "connectorId" in asked:
        told["evse"] = {"id": asked["connectorId"]}
        if wanted == "StatusNotification":
            told["evse"]["connectorId"] = 1
    return "TriggerMessage", told


def _get_configuration(command: StationCommand) -> Translation:
    keys = command.payload.get("key", [])
    if not keys:
        report = {"requestId": remote_start_number(command.pk), "reportBase": "FullInventory"}
        return "GetBaseReport", report
    return "GetVariables", get_variables(keys)


def _change_configuration(command: StationCommand) -> Translation:
    return "SetVariables", set_variable(command.payload["key"], command.payload["value"])


def _send_local_list(command: StationCommand) -> Translation:
    asked = command.payload
    told: Payload = {"versionNumber": asked["listVersion"], "updateType": asked["updateType"]}
    entries = asked.get("localAuthorizationList", [])
    tokens = _tokens(entry["idTag"] for entry in entries)
    if entries:
        told["localAuthorizationList"] = [_list_entry(entry, tokens) for entry in entries]
    return "SendLocalList", told


def _list_entry(entry: Payload, tokens: dict[str, Payload]) -> Payload:
    """One line of a local list; without a verdict it is taken off the list."""
    told: Payload = {"idToken": tokens[entry["idTag"]]}
    if "idTagInfo" in entry:
        info = entry["idTagInfo"]
        told["idTokenInfo"] = {"status": info["status"]}
        if "expiryDate" in info:
            told["idTokenInfo"]["cacheExpiryDateTime"] = info["expiryDate"]
        if "parentIdTag" in info:
            told["idTokenInfo"]["groupIdToken"] = {"idToken": info["parentIdTag"], "type": "Central"}
    return told


def _reserve(command: StationCommand) -> Translation:
    asked = command.payload
    told: Payload = {
        "id": asked["reservationId"],
        "expiryDateTime": asked["expiryDate"],
        "idToken": _tokens([asked["idTag"]])[asked["idTag"]],
    }
    if asked["connectorId"] != 0:
        told["evseId"] = asked["connectorId"]
    if "parentIdTag" in asked:
        told["groupIdToken"] = {"idToken": asked["parentIdTag"], "type": "Central"}
    return "ReserveNow", told


def _set_charging_profile(command: StationCommand) -> Translation:
    asked = command.payload
    profile = _profile(asked["csChargingProfiles"])
    return "SetChargingProfile", {"evseId": asked["connectorId"], "chargingProfile": profile}


def _profile(asked: Payload) -> Payload:
    """A charging profile of 1.6: its one schedule becomes the first of a list."""
    told = {
        key: value for key, value in asked.items() if key not in ("chargingProfileId", "chargingSchedule")
    }
    told["id"] = asked["chargingProfileId"]
    told["chargingProfilePurpose"] = PURPOSES.get(
        asked["chargingProfilePurpose"], asked["chargingProfilePurpose"]
    )
    if "transactionId" in asked:
        told["transactionId"] = str(asked["transactionId"])
    told["chargingSchedule"] = [{"id": 1, **asked["chargingSchedule"]}]
    return told


def _clear_charging_profile(command: StationCommand) -> Translation:
    asked = command.payload
    told: Payload = {"chargingProfileId": asked["id"]} if "id" in asked else {}
    criteria: Payload = {}
    if "connectorId" in asked:
        criteria["evseId"] = asked["connectorId"]
    if "chargingProfilePurpose" in asked:
        purpose = asked["chargingProfilePurpose"]
        criteria["chargingProfilePurpose"] = PURPOSES.get(purpose, purpose)
    if "stackLevel" in asked:
        criteria["stackLevel"] = asked["stackLevel"]
    if criteria:
        told["chargingProfileCriteria"] = criteria
    return "ClearChargingProfile", told


def _composite_schedule(command: StationCommand) -> Translation:
    asked = dict(command.payload)
    return "GetCompositeSchedule", {"evseId": asked.pop("connectorId"), **asked}


def _update_firmware(command: StationCommand) -> Translation:
    asked = command.payload
    firmware = {"location": asked["location"], "retrieveDateTime": asked["retrieveDate"]}
    more = {key: asked[key] for key in ("retries", "retryInterval") if key in asked}
    return "UpdateFirmware", {"requestId": remote_start_number(command.pk), "firmware": firmware, **more}


def _get_diagnostics(command: StationCommand) -> Translation:
    asked = command.payload
    log = {"remoteLocation": asked["location"]}
    for ours, theirs in (("startTime", "oldestTimestamp"), ("stopTime", "latestTimestamp")):
        if ours in asked:
            log[theirs] = asked[ours]
    more = {key: asked[key] for key in ("retries", "retryInterval") if key in asked}
    number = remote_start_number(command.pk)
    return "GetLog", {"logType": "DiagnosticsLog", "requestId": number, "log": log, **more}


def _tokens(uids: Iterable[str]) -> dict[str, Payload]:
    """Tags as OCPP 2 has them: cards have a kind, ours are given out centrally."""
    by_hash = {Token.hash_of(uid): uid for uid in uids}
    kinds = dict(Token.objects.filter(uid_hash__in=by_hash).values_list("uid_hash", "kind"))
    cards = {by_hash[uid_hash] for uid_hash, kind in kinds.items() if kind == Token.Kind.RFID}
    return {
        uid: {"idToken": uid, "type": "ISO14443" if uid in cards else "Central"} for uid in by_hash.values()
    }


Action = StationCommand.Action
NEW: dict[str, Callable[[StationCommand], Translation]] = {
    Action.CHANGE_AVAILABILITY: _change_availability,
    Action.CHANGE_CONFIGURATION: _change_configuration,
    Action.CLEAR_CHARGING_PROFILE: _clear_charging_profile,
    Action.GET_COMPOSITE_SCHEDULE: _composite_schedule,
    Action.GET_CONFIGURATION: _get_configuration,
    Action.GET_DIAGNOSTICS: _get_diagnostics,
    Action.REMOTE_START: _remote_start,
    Action.REMOTE_STOP: _remote_stop,
    Action.RESERVE_NOW: _reserve,
    Action.RESET: _reset,
    Action.SEND_LOCAL_LIST: _send_local_list,
    Action.SET_CHARGING_PROFILE: _set_charging_profile,
    Action.TRIGGER_MESSAGE: _trigger,
    Action.UNLOCK_CONNECTOR: _unlock,
    Action.UPDATE_FIRMWARE: _update_firmware,
}
