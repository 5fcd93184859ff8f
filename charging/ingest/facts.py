"""What stations report, in charging's own words: the gateway says these, `charging.ingest` commits them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from accounts.authorisation import Verdict


@dataclass(slots=True)
class Reporter:
    """The station that reports: its tenant, its row, and its connectors by the number the station uses."""

    organisation_id: UUID
    station_id: UUID
    identity: str
    connectors: dict[int, UUID] = field(default_factory=dict)
    sockets: dict[tuple[int, int], UUID] = field(
        default_factory=dict
    )  # by EVSE and connector, as OCPP 2 counts
    key: bytes = field(init=False)  # the station's id: hashed for each reading, which UUID does slowly
    tenant: bytes = field(init=False)  # the organisation's

    def __post_init__(self) -> None:
        self.key, self.tenant = self.station_id.bytes, self.organisation_id.bytes


@dataclass(slots=True)
class TagShown:
    """A tag was presented; answered with the verdict on it."""

    reporter: Reporter
    uid: str


@dataclass(slots=True)
class Started:
    """A transaction started. `source_key` makes a repeated report the same session."""

    reporter: Reporter
    connector_id: UUID
    source_key: str
    uid: str
    at: datetime
    register_wh: int
    raw: str
    doubts: tuple[str, ...] = ()
    offline: bool = False
    reservation: int | None = None


@dataclass(slots=True)
class TransactionSeen:
    """An event of a transaction that the station itself numbers (OCPP 2).

    Whatever event is heard first opens the session; what it left open (`begins`, tag, register) is filled in
    by the others. `state` is a SessionState, or IDLE: connected, no energy wanted or given. `uid` is the tag
    shown with this event, answered with the verdict on it.
    """

    reporter: Reporter
    connector_id: UUID | None
    transaction_id: str
    at: datetime
    begins: bool
    uid: str | None
    register_wh: int | None
    state: str
    offline: bool
    remote_start_id: int | None
    raw: str
    doubts: tuple[str, ...] = ()
    reservation: int | None = None


@dataclass(slots=True)
class SignedValue:
    """A meter value that the meter signed, whole, for whoever checks it later."""

    reporter: Reporter
    transaction_id: str
    at: datetime
    context: str
    data: str
    encoding: str
    signing: str
    public_key: str


class Metered(Struct, gc=False):
    """Registers and more at one instant of a transaction.

    `sampled` is all that was sampled in JSON, as it came; who has it apart already says `shape` and `said`
    instead (see `charging.shapes`).
    """

    reporter: Reporter
    transaction_id: str
    at: datetime
    register_wh: int | None
    power_w: int | None
    current_ma: int | None
    soc_percent: int | None
    sampled: str
    raw: str = ""
    shape: str = ""
    said: str = ""


@dataclass(slots=True)
class Stopped:
    """A transaction ended."""

    reporter: Reporter
    transaction_id: str
    at: datetime
    register_wh: int | None  # None: the latest that was read
    reason: str
    raw: str
    doubts: tuple[str, ...] = ()


@dataclass(slots=True)
class StatusReported:
    """What a connector says of itself from `at` on."""

    reporter: Reporter
    connector_id: UUID
    status: str
    at: datetime
    received_at: datetime
    error_code: str = ""
    info: str = ""


@dataclass(slots=True)
class Booted:
    """A station started up and said what it is."""

    reporter: Reporter
    at: datetime
    vendor: str
    model: str
    serial_number: str
    firmware_version: str


@dataclass(slots=True)
class Misfit:
    """Something that can't be believed or placed; kept with its raw form."""

    reporter: Reporter
    reason: str
    detail: str
    raw: str


Fact = (
    TagShown | Started | TransactionSeen | SignedValue | Metered | Stopped | StatusReported | Booted | Misfit
)


class Cost(NamedTuple):
    """What a session costs in its currency, so far or in the end."""

    amount: Decimal
    is_final: bool


@dataclass(slots=True, frozen=True)
class Outcome:
    """What became of a fact: the verdict on a tag and the group it is of, the transaction it opened, why it is
    quarantined, and what the session costs (tax included) as far as that is known."""

    verdict: Verdict | None = None
    transaction_id: int | None = None
    quarantined: str = ""
    group: str = ""
    cost: Cost | None = None


TAKEN = Outcome()
