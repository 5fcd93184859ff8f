"""Reservations and smart-charging profiles that stations were asked to keep, and what became of each."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Token
from accounts.tenancy import TenantModel, TenantQuerySet
from charging.models.command import StationCommand
from charging.models.session import ChargingSession
from stations.models import Station


class Reservation(TenantModel):
    """A connector kept for one tag until `expires_at`: requested -> reserved -> used | cancelled | expired."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested"
        RESERVED = "reserved", "Reserved"
        REFUSED = "refused", "Refused"
        USED = "used", "Used"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Expired"

    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="reservations")
    number = models.PositiveIntegerField(help_text="OCPP's reservationId")
    evse_number = models.PositiveSmallIntegerField(help_text="0: any of the station")
    token = models.ForeignKey(Token, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    masked = models.CharField(max_length=24, help_text="the tag, all but its end hidden")
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    answer = models.CharField(max_length=40, blank=True, help_text="the station's word, e.g. Occupied")
    expires_at = models.DateTimeField()
    command = models.OneToOneField(StationCommand, on_delete=models.PROTECT, related_name="reservation")
    session = models.ForeignKey(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "station", "number"],
                condition=Q(state__in=("requested", "reserved")),
                name="reservation_number_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("requested", "reserved", "refused", "used", "cancelled", "expired")),
                name="reservation_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="used") | Q(session__isnull=False), name="reservation_used_names_session"
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "station", "-created_at"], name="reservation_of_station"),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=("requested", "reserved")),
                name="reservation_open",
            ),
        ]

    def __str__(self) -> str:
        return f"Reservation {self.number} ({self.state})"


class ChargingProfile(TenantModel):
    """A limit a station was asked to keep to: requested -> active -> replaced | cleared | expired, or refused."""

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested"
        ACTIVE = "active", "Active"
        REFUSED = "refused", "Refused"
        REPLACED = "replaced", "Replaced"
        CLEARED = "cleared", "Cleared"
        EXPIRED = "expired", "Expired"

    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="charging_profiles")
    number = models.IntegerField(help_text="OCPP's chargingProfileId")
    evse_number = models.PositiveSmallIntegerField(help_text="0: the whole station")
    purpose = models.CharField(max_length=40)
    stack_level = models.PositiveSmallIntegerField()
    document = models.JSONField(help_text="csChargingProfiles as it was sent, OCPP 1.6")
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    answer = models.CharField(max_length=40, blank=True, help_text="the station's word")
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    command = models.OneToOneField(StationCommand, on_delete=models.PROTECT, related_name="charging_profile")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("requested", "active", "refused", "replaced", "cleared", "expired")),
                name="charging_profile_state_known",
            )
        ]
        indexes = [
            models.Index(
                fields=["organisation", "station", "-created_at"], name="charging_profile_of_station"
            ),
            models.Index(
                fields=["valid_until"],
                condition=Q(state__in=("requested", "active")),
                name="charging_profile_open",
            ),
        ]

    def __str__(self) -> str:
        return f"Profile {self.number} ({self.state})"
