"""What a simulated station means, apart from how an OCPP version says it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from demo.stations.outbox import Message, Transaction

Payload = dict[str, Any]
Call = tuple[str, Payload]


@dataclass(frozen=True)
class Sample:
    """What the meter says at a time (as text, by the station's own clock)."""

    at: str
    register_wh: int
    power_w: int = 0
    soc_percent: int = 0
    state: str = "Charging"  # as 1.6 and 2.x both say it: Charging, SuspendedEV


@dataclass(frozen=True)
class StartAsked:
    evse: int | None
    tag: str
    remote_id: int | None = None


@dataclass(frozen=True)
class StopAsked:
    transaction: str


@dataclass(frozen=True)
class StatusAsked:
    evse: int | None


Asked = StartAsked | StopAsked | StatusAsked


class StationProtocol(ABC):
    """One version's words. Builds calls and reads answers; it sends nothing itself."""

    subprotocol: str
    version: str

    @abstractmethod
    def boot(self, serial: str) -> Call: ...

    @abstractmethod
    def status(self, evse: int, status: str, at: str) -> Call: ...

    @abstractmethod
    def authorize(self, tag: str) -> Call: ...

    @abstractmethod
    def is_authorized(self, answer: Payload) -> bool: ...

    @abstractmethod
    def start(self, transaction: Transaction, sample: Sample) -> Call: ...

    @abstractmethod
    def meter(self, transaction: Transaction, sample: Sample) -> Call: ...

    @abstractmethod
    def stop(self, transaction: Transaction, sample: Sample, reason: str) -> Call: ...

    def completed(self, message: Message) -> Payload:
        """The payload as it is sent: with what earlier answers have taught."""
        return message.payload

    @abstractmethod
    def learn(self, message: Message, answer: Payload) -> None:
        """Note in the message's transaction what the central system answered."""

    @abstractmethod
    def asked(self, action: str, payload: Payload) -> Asked | None:
        """What a call of the central system asks for, if it moves the station."""

    @abstractmethod
    def simple_answer(self, action: str, payload: Payload) -> Payload | None:
        """The answer to a call that moves nothing; None for one that this station knows nothing of."""
