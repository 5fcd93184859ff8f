"""The dictionary of shapes: written once each, remembered by this process."""

from collections.abc import Iterable

from django.db import connection

from charging.ingest.arrays import plain, texts
from charging.shapes import shape_id

KEPT = 20_000  # a station that makes up more has its values kept whole
INSERT = """
    INSERT INTO charging_sampleshape (id, samples)
    SELECT * FROM unnest(%s::bigint[], %s::text[]) ON CONFLICT DO NOTHING
"""
_stored: dict[str, int] = {}


def forget() -> None:
    _stored.clear()


def stored_shapes(wanted: Iterable[str]) -> dict[str, int]:
    """Ids of shapes; new ones are stored, as long as there are not too many."""
    new = sorted({shape for shape in wanted if shape not in _stored} - {""})
    if new and len(_stored) < KEPT:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [plain(map(shape_id, new)), texts(new)])
        _stored.update((shape, shape_id(shape)) for shape in new)
    return _stored
