"""The tag that started at a connector, in memory alone: 1.6 wants it named when its price is told."""

from collections import OrderedDict
from uuid import UUID

REMEMBERED = 50_000
_shown: OrderedDict[tuple[UUID, UUID], str] = OrderedDict()


def remember(station_id: UUID, connector_id: UUID, uid: str) -> None:
    """The tag that a start named."""
    _shown[station_id, connector_id] = uid
    _shown.move_to_end((station_id, connector_id))
    if len(_shown) > REMEMBERED:
        _shown.popitem(last=False)


def shown_at(station_id: UUID, connector_id: UUID) -> str | None:
    """The latest tag at this connector, if it started here while this process ran."""
    return _shown.get((station_id, connector_id))
