"""A charging session, and the states a station reported of it."""

from typing import Any, ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import Driver, Token
from accounts.tenancy import TenantModel, TenantQuerySet
from charging import late_facts
from stations.models import Connector, Station
from tariffs.models import TariffVersion


class SessionQuerySet(TenantQuerySet["ChargingSession"]):
    """What the sweeps ask for, oldest first."""

    def active(self) -> "SessionQuerySet":
        return self.filter(state=ChargingSession.State.ACTIVE)

    def to_pin(self) -> "SessionQuerySet":
        """Started, and nobody has looked yet by which tariff version it is priced."""
        return self.filter(
            tariff_version__isnull=True,
            state__in=(ChargingSession.State.ACTIVE, ChargingSession.State.ENDED),
            quality__in=(ChargingSession.Quality.GOOD, ChargingSession.Quality.RELEASED),
        )

    def to_rate(self) -> "SessionQuerySet":
        """Ended, fit to be priced, not priced yet."""
        return self.filter(
            state=ChargingSession.State.ENDED,
            quality__in=(ChargingSession.Quality.GOOD, ChargingSession.Quality.RELEASED),
        )

    def to_archive(self) -> "SessionQuerySet":
        """Ended, whatever became of it, and its readings are not packed yet."""
        return self.filter(
            archived_at__isnull=True,
            state__in=(ChargingSession.State.ENDED, ChargingSession.State.PRICED),
        )


class ChargingSession(TenantModel):
    """One vehicle charging once at one connector; energies in Wh, times in UTC."""

    class Source(models.TextChoices):
        OCPP = "ocpp", "Station"
        IMPORT = "import", "Import"

    class State(models.TextChoices):
        ACTIVE = "active", "Charging"
        ENDED = "ended", "Ended"
        PRICED = "priced", "Priced"

    class Quality(models.TextChoices):
        """Whether money may move: held sessions wait for a person."""

        GOOD = "good", "Good"
        HELD = "held", "Held for review"
        RELEASED = "released", "Released"
        WAIVED = "waived", "Waived"

    source = models.CharField(max_length=6, choices=Source, default=Source.OCPP)
    source_key = models.CharField(max_length=255, help_text="what makes a repeated report the same session")
    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="sessions")
    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="sessions")
    transaction_id = models.CharField(max_length=36, null=True, blank=True)  # noqa: DJ001  unique unless null
    token = models.ForeignKey(Token, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    driver = models.ForeignKey(
        Driver, null=True, blank=True, on_delete=models.PROTECT, related_name="sessions"
    )
    state = models.CharField(max_length=6, choices=State, default=State.ACTIVE)
    quality = models.CharField(max_length=8, choices=Quality, default=Quality.GOOD)
    hold_reasons = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    meter_start_wh = models.BigIntegerField(default=0)
    meter_end_wh = models.BigIntegerField(null=True, blank=True)
    last_register_wh = models.BigIntegerField(null=True, blank=True, help_text="of the latest reading")
    last_reading_at = models.DateTimeField(null=True, blank=True)
    last_power_w = models.BigIntegerField(null=True, blank=True)
    stop_reason = models.CharField(max_length=30, blank=True)
    tariff_version = models.ForeignKey(
        TariffVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="pinned at the start",
    )  # fmt: skip
    settled_elsewhere = models.BooleanField(
        default=False, help_text="priced and counted, never charged by us"
    )
    archived_at = models.DateTimeField(null=True, blank=True, help_text="its readings are in its curve")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = SessionQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "source", "source_key"], name="session_source_once"
            ),
            models.UniqueConstraint(
                fields=["organisation", "station", "transaction_id"], name="session_transaction_once"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="session_runs_forward",
            ),
            models.CheckConstraint(
                condition=Q(meter_end_wh__isnull=True)
                | Q(meter_end_wh__gte=F("meter_start_wh"))
                | Q(quality__in=("held", "waived")),
                name="session_register_runs_forward_or_is_held",
            ),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True)
                | Q(state__in=("ended", "priced"), ended_at__isnull=False, meter_end_wh__isnull=False),
                name="session_ended_has_end_and_register",
            ),
            models.CheckConstraint(
                condition=~Q(quality="held") | ~Q(hold_reasons__len=0), name="session_held_says_why"
            ),
            models.CheckConstraint(
                condition=Q(quality__in=("good", "held", "released", "waived")), name="session_quality_known"
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "-started_at"]),
            models.Index(fields=["organisation", "connector", "-started_at"]),
            models.Index(fields=["driver", "-started_at"]),
            models.Index(fields=["station"], condition=Q(state="active"), name="session_active"),
            models.Index(
                fields=["organisation", "ended_at"], condition=Q(state="ended"), name="session_to_rate"
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(archived_at__isnull=True, state__in=("ended", "priced")),
                name="session_to_archive",
            ),
            models.Index(
                fields=["organisation", "ended_at"], condition=Q(quality="held"), name="session_held"
            ),
            models.Index(
                fields=["organisation", "started_at"],
                condition=Q(tariff_version__isnull=True, state__in=("active", "ended")),
                name="session_to_pin",
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            *TenantModel.Meta.triggers,
            late_facts.hold_changed(),
            late_facts.stays_priced(),
            late_facts.keeps_its_readings(),
        )

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.connector_id}"

    @property
    def energy_wh(self) -> int:
        """Wh so far, or in total once ended."""
        latest = self.meter_end_wh if self.meter_end_wh is not None else self.last_register_wh
        return 0 if latest is None else latest - self.meter_start_wh


class SessionState(TenantModel):
    """From `at` on, the session was in this state (OCPI's charging, parking; pricing.State)."""

    class State(models.TextChoices):
        CHARGING = "CHARGING", "Charging"
        PARKED = "PARKED", "Parked"
        WITHHELD = "WITHHELD", "Withheld by the station"

    session = models.ForeignKey(ChargingSession, on_delete=models.CASCADE, related_name="states")
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State)

    class Meta(TenantModel.Meta):
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "session", "at"], name="session_state_once")
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            *TenantModel.Meta.triggers,
            late_facts.hold_priced(late_facts.STATE_MATTERS),
        )

    def __str__(self) -> str:
        return f"{self.state} from {self.at:%H:%M:%S}"
