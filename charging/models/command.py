"""What an operator, a driver's app or a payment asks a station to do, and what came of it."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.tenancy import TenantModel, TenantQuerySet
from stations.models import Station


class CommandQuerySet(TenantQuerySet["StationCommand"]):
    def unfinished(self) -> "CommandQuerySet":
        return self.filter(state__in=(StationCommand.State.PENDING, StationCommand.State.SENT))


class StationCommand(TenantModel):
    """One command to one station: pending -> sent -> accepted | rejected | timed_out, or offline."""

    class Action(models.TextChoices):
        """OCPP 1.6 names, the language in which commands are asked for; the gateway translates. Those after
        GET_DIAGNOSTICS are asked for in the words of the versions that have them."""

        REMOTE_START = "RemoteStartTransaction", "Remote start"
        REMOTE_STOP = "RemoteStopTransaction", "Remote stop"
        RESET = "Reset", "Reset"
        CHANGE_AVAILABILITY = "ChangeAvailability", "Change availability"
        UNLOCK_CONNECTOR = "UnlockConnector", "Unlock connector"
        TRIGGER_MESSAGE = "TriggerMessage", "Trigger message"
        GET_CONFIGURATION = "GetConfiguration", "Get configuration"
        CHANGE_CONFIGURATION = "ChangeConfiguration", "Change configuration"
        CLEAR_CACHE = "ClearCache", "Clear cache"
        DATA_TRANSFER = "DataTransfer", "Data transfer"
        GET_LOCAL_LIST_VERSION = "GetLocalListVersion", "Get local list version"
        SEND_LOCAL_LIST = "SendLocalList", "Send local list"
        RESERVE_NOW = "ReserveNow", "Reserve"
        CANCEL_RESERVATION = "CancelReservation", "Cancel reservation"
        SET_CHARGING_PROFILE = "SetChargingProfile", "Set charging profile"
        CLEAR_CHARGING_PROFILE = "ClearChargingProfile", "Clear charging profile"
        GET_COMPOSITE_SCHEDULE = "GetCompositeSchedule", "Get composite schedule"
        UPDATE_FIRMWARE = "UpdateFirmware", "Update firmware"
        GET_DIAGNOSTICS = "GetDiagnostics", "Get diagnostics"
        CERTIFICATE_SIGNED = "CertificateSigned", "Certificate signed"
        CHANGE_TRANSACTION_TARIFF = "ChangeTransactionTariff", "Change transaction tariff"
        CLEAR_DISPLAY_MESSAGE = "ClearDisplayMessage", "Clear display message"
        CLEAR_TARIFFS = "ClearTariffs", "Clear tariffs"
        COST_UPDATED = "CostUpdated", "Cost updated"
        CUSTOMER_INFORMATION = "CustomerInformation", "Customer information"
        DELETE_CERTIFICATE = "DeleteCertificate", "Delete certificate"
        EXTENDED_TRIGGER_MESSAGE = "ExtendedTriggerMessage", "Extended trigger message"
        GET_BASE_REPORT = "GetBaseReport", "Get base report"
        GET_CHARGING_PROFILES = "GetChargingProfiles", "Get charging profiles"
        GET_DISPLAY_MESSAGES = "GetDisplayMessages", "Get display messages"
        GET_INSTALLED_CERTIFICATE_IDS = "GetInstalledCertificateIds", "Get installed certificates"
        GET_LOG = "GetLog", "Get log"
        GET_REPORT = "GetReport", "Get report"
        GET_TARIFFS = "GetTariffs", "Get tariffs"
        GET_TRANSACTION_STATUS = "GetTransactionStatus", "Get transaction status"
        GET_VARIABLES = "GetVariables", "Get variables"
        INSTALL_CERTIFICATE = "InstallCertificate", "Install certificate"
        SET_DEFAULT_TARIFF = "SetDefaultTariff", "Set default tariff"
        SET_DISPLAY_MESSAGE = "SetDisplayMessage", "Set display message"
        SET_NETWORK_PROFILE = "SetNetworkProfile", "Set network profile"
        SET_VARIABLES = "SetVariables", "Set variables"
        SIGNED_UPDATE_FIRMWARE = "SignedUpdateFirmware", "Signed firmware update"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SENT = "sent", "Sent"
        ACCEPTED = "accepted", "Accepted"
        REJECTED = "rejected", "Rejected"
        TIMED_OUT = "timed_out", "Timed out"
        OFFLINE = "offline", "Station offline"

    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="commands")
    action = models.CharField(max_length=30, choices=Action)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    answer = models.JSONField(null=True, blank=True, help_text="the station's payload, or the error")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    cause_kind = models.CharField(max_length=20, blank=True, help_text="e.g. driver, payment")
    cause_id = models.UUIDField(null=True, blank=True)
    idempotency_key = models.CharField(
        max_length=64, blank=True, help_text="of the request that asked for it"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = CommandQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("pending", "sent", "accepted", "rejected", "timed_out", "offline")),
                name="command_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("sent", "accepted", "timed_out")) | Q(sent_at__isnull=False),
                name="command_sent_says_when",
            ),
            models.UniqueConstraint(
                fields=["organisation", "cause_id", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="command_request_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "station", "-created_at"]),
            models.Index(
                fields=["station", "created_at"], condition=Q(state="pending"), name="command_pending"
            ),
            models.Index(fields=["sent_at"], condition=Q(state="sent"), name="command_sent"),
            models.Index(fields=["cause_id"], condition=Q(cause_id__isnull=False), name="command_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.state})"

    @property
    def is_finished(self) -> bool:
        return self.state not in (self.State.PENDING, self.State.SENT)

    @property
    def outcome(self) -> str:
        """The station's word on it, such as `Accepted` or `Occupied`; else the error, else our own state."""
        answer = self.answer if isinstance(self.answer, dict) else {}
        return str(answer.get("status") or answer.get("error") or self.get_state_display())
