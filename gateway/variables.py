"""Configuration keys of OCPP 1.6 and the variables that OCPP 2 has in their place (2.0.1 part 2, chapter 3.1)."""

from collections.abc import Iterable
from typing import Any

VARIABLES = {
    "AuthorizationCacheEnabled": ("AuthCacheCtrlr", "Enabled"),
    "AuthorizationKey": ("SecurityCtrlr", "BasicAuthPassword"),
    "AuthorizeRemoteTxRequests": ("AuthCtrlr", "AuthorizeRemoteStart"),
    "ChargeProfileMaxStackLevel": ("SmartChargingCtrlr", "ProfileStackLevel"),
    "ClockAlignedDataInterval": ("AlignedDataCtrlr", "Interval"),
    "ConnectionTimeOut": ("TxCtrlr", "EVConnectionTimeOut"),
    "HeartbeatInterval": ("OCPPCommCtrlr", "HeartbeatInterval"),
    "LocalAuthListEnabled": ("LocalAuthListCtrlr", "Enabled"),
    "LocalAuthListMaxLength": ("LocalAuthListCtrlr", "Entries"),
    "LocalAuthorizeOffline": ("AuthCtrlr", "LocalAuthorizeOffline"),
    "LocalPreAuthorize": ("AuthCtrlr", "LocalPreAuthorize"),
    "MaxChargingProfilesInstalled": ("SmartChargingCtrlr", "Entries"),
    "MeterValuesAlignedData": ("AlignedDataCtrlr", "Measurands"),
    "MeterValuesSampledData": ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "MeterValueSampleInterval": ("SampledDataCtrlr", "TxUpdatedInterval"),
    "ResetRetries": ("OCPPCommCtrlr", "ResetRetries"),
    "SendLocalListMaxLength": ("LocalAuthListCtrlr", "ItemsPerMessage"),
    "StopTransactionOnEVSideDisconnect": ("TxCtrlr", "StopTxOnEVSideDisconnect"),
    "StopTransactionOnInvalidId": ("TxCtrlr", "StopTxOnInvalidId"),
    "StopTxnAlignedData": ("AlignedDataCtrlr", "TxEndedMeasurands"),
    "StopTxnSampledData": ("SampledDataCtrlr", "TxEndedMeasurands"),
    "TransactionMessageAttempts": ("OCPPCommCtrlr", "MessageAttempts"),
    "TransactionMessageRetryInterval": ("OCPPCommCtrlr", "MessageAttemptInterval"),
    "UnlockConnectorOnEVSideDisconnect": ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect"),
    "WebSocketPingInterval": ("OCPPCommCtrlr", "WebSocketPingInterval"),
}
OF_A_MESSAGE = {"MessageAttempts", "MessageAttemptInterval"}  # these have the message as their instance


def variable(key: str) -> dict[str, Any]:
    """Component and variable for a key of 1.6, or for `Component.Variable` as it is.

    An instance stands in brackets: `OCPPCommCtrlr.MessageAttempts[TransactionEvent]`. Any other key is taken
    as a variable of the component `CustomizationCtrlr`, where makers put their own.
    """
    component, name = VARIABLES.get(key) or _split(key)
    name, _, instance = name.partition("[")
    instance = instance.removesuffix("]") or ("TransactionEvent" if name in OF_A_MESSAGE else "")
    told: dict[str, Any] = {"component": {"name": component}, "variable": {"name": name}}
    if instance:
        told["variable"]["instance"] = instance
    return told


def get_variables(keys: Iterable[str]) -> dict[str, Any]:
    """The payload of GetVariables."""
    return {"getVariableData": [variable(key) for key in keys]}


def set_variable(key: str, value: str) -> dict[str, Any]:
    """The payload of SetVariables for one setting."""
    return {"setVariableData": [{"attributeValue": str(value), **variable(key)}]}


def _split(key: str) -> tuple[str, str]:
    component, dot, name = key.partition(".")
    return (component, name) if dot else ("CustomizationCtrlr", key)
