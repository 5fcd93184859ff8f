"""What the api says: amounts as decimal strings, energies as whole Wh, times in UTC."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict


class CommandAsked(Schema):
    """A command in OCPP 1.6's words, whatever version the station speaks."""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(description="such as RemoteStartTransaction, Reset, UnlockConnector")
    payload: dict[str, Any] = Field(default_factory=dict, description="the action's OCPP 1.6 request")


class Command(Schema):
    """A command: pending -> sent -> accepted | rejected | timed_out, or offline."""

    id: UUID
    station: str
    action: str
    payload: dict[str, Any]
    state: str
    answer: Any = None
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None


class CommandPage(Schema):
    items: list[Command]
    next: str | None


class Connector(Schema):
    """What plugs in, and what it says of itself."""

    number: int
    standard: str
    status: str
    status_since: datetime | None
    error_code: str


class Evse(Schema):
    number: int
    power_type: str
    max_power_w: int
    connectors: list[Connector]


class Station(Schema):
    """A station as it is known now."""

    id: UUID
    identity: str
    name: str
    public_code: str
    site: str
    time_zone: str
    vendor: str
    model: str
    serial_number: str
    firmware_version: str
    ocpp_version: str
    connected: bool
    connected_at: datetime | None
    last_seen_at: datetime | None
    evses: list[Evse]


class StationPage(Schema):
    items: list[Station]
    next: str | None


class PriceLine(Schema):
    """One line of a price; quantities in Wh or s, amounts exact: a decimal, or a fraction such as 10/3."""

    kind: str
    element: int | None = Field(description="index of the tariff element; null for a price limit")
    price: str | None
    tax_percent: str | None
    quantity: int | str
    billed: int | str
    net: str
    tax: str
    gross: str
    start: datetime
    end: datetime


class Price(Schema):
    """energy + time + parking + fees = net, net + tax = gross; decimals in the currency's digits."""

    currency: str
    energy: str
    time: str
    parking: str
    fees: str
    net: str
    tax: str
    gross: str
    revision: int
    tariff: UUID
    tariff_version: int
    priced_at: datetime
    lines: list[PriceLine]


class Session(Schema):
    """One charge: what the station reported and, once priced, what it costs."""

    id: UUID
    transaction_id: str | None
    source: str
    station: str
    evse: int
    connector: int
    tag: str | None = Field(description="all but its end hidden")
    state: str
    quality: str
    hold_reasons: list[str]
    started_at: datetime
    ended_at: datetime | None
    meter_start_wh: int
    meter_stop_wh: int | None
    energy_wh: int
    stop_reason: str
    settled_elsewhere: bool
    price: Price | None


class SessionPage(Schema):
    items: list[Session]
    next: str | None


class Message(Schema):
    """A call between a station and us, its answer and our verdict; tags masked."""

    id: UUID
    at: datetime
    direction: str
    message_id: str
    action: str
    payload: Any
    answer: Any
    verdict: str


class MessagePage(Schema):
    items: list[Message]
    next: str | None


class TariffVersion(Schema):
    number: int
    valid_from: datetime
    published_at: datetime
    document: dict[str, Any] = Field(description="OCPI 2.2.1 tariff")


class Tariff(Schema):
    id: UUID
    name: str
    currency: str
    archived_at: datetime | None
    created_at: datetime
    versions: list[TariffVersion]


class TariffPage(Schema):
    items: list[Tariff]
    next: str | None
