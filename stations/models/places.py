"""Sites, charging stations, their EVSEs and connectors, and what state each connector was in."""

import secrets

from django.contrib.auth.hashers import check_password, make_password
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from accounts.models import RegistryKey
from accounts.models.organisation import validate_time_zone
from accounts.tenancy import TenantModel

CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that reads like something else on a sticker


def new_public_code() -> str:
    """An opaque code of 8 characters for QR stickers; never the OCPP identity."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(8))


class Site(TenantModel):
    """A place with charging stations. All prices there follow its time zone."""

    name = models.CharField(max_length=120)
    street = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, default="DE", help_text="ISO 3166-1 alpha-2")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="site_name_once"),
            models.CheckConstraint(
                condition=(Q(latitude__isnull=True) & Q(longitude__isnull=True))
                | (
                    Q(latitude__gte=-90)
                    & Q(latitude__lte=90)
                    & Q(longitude__gte=-180)
                    & Q(longitude__lte=180)
                ),
                name="site_coordinates_on_earth",
            ),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="site_country_is_iso"),
        ]

    def __str__(self) -> str:
        return self.name


class Station(TenantModel):
    """A charging station: one OCPP connection, one or more EVSEs."""

    class SecurityProfile(models.IntegerChoices):
        """OCPP security profiles (1.6 security extension, section 1.3)."""

        UNSECURED = 0, "0: none (development)"
        BASIC = 1, "1: password"
        TLS = 2, "2: password over TLS"
        MUTUAL_TLS = 3, "3: client certificate"

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="stations")
    identity = models.CharField(
        max_length=48,
        validators=[
            RegexValidator(r"^[A-Za-z0-9*+=:|@._\-]+$", "letters, digits and * + = : | @ . _ - only")
        ],
        help_text="the OCPP identity: the last part of the URL that the station connects to",
    )
    public_code = models.CharField(max_length=12, default=new_public_code, editable=False)
    name = models.CharField(max_length=120, blank=True)
    vendor = models.CharField(max_length=50, blank=True)
    model = models.CharField(max_length=50, blank=True)
    serial_number = models.CharField(max_length=50, blank=True)
    firmware_version = models.CharField(max_length=50, blank=True)
    ocpp_version = models.CharField(max_length=8, blank=True, help_text="negotiated at the last connection")
    security_profile = models.SmallIntegerField(choices=SecurityProfile, default=SecurityProfile.BASIC)
    password_hash = models.CharField(max_length=200, blank=True, editable=False)
    next_password_digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text="of a password that was issued but not used yet"
    )
    next_password_at = models.DateTimeField(null=True, blank=True, editable=False)
    certificate_fingerprint = models.CharField(
        max_length=64,
        blank=True,
        validators=[RegexValidator(r"^[0-9a-f]{64}$", "64 hexadecimal digits, in lower case")],
        help_text="profile 3: SHA-256 of the only client certificate to accept; empty: any of this name",
    )
    in_service_from = models.DateField(null=True, blank=True)
    boot_at = models.DateTimeField(null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name", "identity"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "identity"], name="station_identity_once"),
            models.UniqueConstraint(fields=["organisation", "public_code"], name="station_public_code_once"),
            models.CheckConstraint(
                condition=Q(security_profile__gte=0) & Q(security_profile__lte=3),
                name="station_security_profile_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.identity

    def set_password(self, password: str) -> None:
        """Keep the hash of the password the station logs in with, its only one; the caller saves."""
        self.password_hash = make_password(password)
        self.next_password_digest = ""

    def check_password(self, password: str) -> bool:
        return bool(self.password_hash) and check_password(password, self.password_hash)

    def register(self) -> None:
        """Claim identity and public code in the world-wide registry; IntegrityError if either is taken."""
        RegistryKey.claim(RegistryKey.Kind.OCPP_IDENTITY, self.identity, self)
        RegistryKey.claim(RegistryKey.Kind.PUBLIC_CODE, self.public_code, self)


class EVSE(TenantModel):
    """One place to charge one vehicle: what OCPI bills, what OCPP 1.6 calls a connector."""

    class PowerType(models.TextChoices):
        AC = "AC", "AC"
        DC = "DC", "DC"

    station = models.ForeignKey(Station, on_delete=models.PROTECT, related_name="evses")
    number = models.PositiveSmallIntegerField(help_text="from 1, as the station counts")
    power_type = models.CharField(max_length=2, choices=PowerType, default=PowerType.AC)
    max_power_w = models.PositiveIntegerField(default=22_000)

    class Meta(TenantModel.Meta):
        ordering = ["number"]
        verbose_name = "EVSE"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "station", "number"], name="evse_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="evse_number_from_one"),
            models.CheckConstraint(condition=Q(max_power_w__gt=0), name="evse_power_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.station} / {self.number}"


class Connector(TenantModel):
    """A socket or a cable of an EVSE."""

    class Standard(models.TextChoices):
        """OCPI 2.2.1 ConnectorType, the common ones."""

        TYPE_2 = "IEC_62196_T2", "Type 2"
        CCS2 = "IEC_62196_T2_COMBO", "CCS 2"
        CCS1 = "IEC_62196_T1_COMBO", "CCS 1"
        CHADEMO = "CHADEMO", "CHAdeMO"
        TYPE_1 = "IEC_62196_T1", "Type 1"
        NACS = "SAE_J3400", "NACS"

    evse = models.ForeignKey(EVSE, on_delete=models.PROTECT, related_name="connectors")
    number = models.PositiveSmallIntegerField(default=1)
    standard = models.CharField(max_length=24, choices=Standard, default=Standard.TYPE_2)
    tethered = models.BooleanField(default=False, help_text="the cable hangs on the station")

    class Meta(TenantModel.Meta):
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "evse", "number"], name="connector_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="connector_number_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.evse} {self.get_standard_display()}"


class Status(models.TextChoices):
    """What a connector says of itself: OCPP 1.6 ChargePointStatus, and offline, which only we can see."""

    AVAILABLE = "Available", "Available"
    PREPARING = "Preparing", "Preparing"
    CHARGING = "Charging", "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE", "Paused by station"
    SUSPENDED_EV = "SuspendedEV", "Paused by vehicle"
    FINISHING = "Finishing", "Finishing"
    OCCUPIED = "Occupied", "Occupied"
    RESERVED = "Reserved", "Reserved"
    UNAVAILABLE = "Unavailable", "Out of service"
    FAULTED = "Faulted", "Faulted"
    OFFLINE = "Offline", "Offline"


DOWN = (Status.FAULTED, Status.UNAVAILABLE, Status.OFFLINE)
"""Statuses in which a connector can't charge anybody (23 CFR 680.116: not online, or not available)."""


class StatusInterval(TenantModel):
    """A connector was in one status from `since` until `until`; the open interval is its status now."""

    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="status_intervals")
    status = models.CharField(max_length=14, choices=Status)
    error_code = models.CharField(max_length=50, blank=True)
    info = models.CharField(max_length=255, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "connector"],
                condition=Q(until__isnull=True),
                name="status_interval_one_open",
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=models.F("since")),
                name="status_interval_runs_forward",
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="status_known"),
        ]
        indexes = [
            models.Index(fields=["organisation", "connector", "-since"]),
            models.Index(
                fields=["organisation", "connector", "until"],
                condition=Q(status__in=("Faulted", "Unavailable", "Offline")),
                name="status_interval_down",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connector}: {self.status} since {self.since:%Y-%m-%d %H:%M}"
