"""Tables to take away, as CSV or XLSX: `?format=csv|xlsx` on the page that shows the table.

A text that a spreadsheet would run as a formula gets an apostrophe in front; numbers stay numbers, so that
negative amounts survive.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from openpyxl import Workbook

Row = Sequence[object]
RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def harmless(cell: object) -> object:
    """`cell` as a spreadsheet may have it: no formula, times in UTC."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(RUN_BY_SPREADSHEETS) else cell
    return "" if cell is None else cell


def download(asked: str, name: str, header: Sequence[str], rows: Iterable[Row]) -> HttpResponseBase | None:
    """The table as a file `name`.csv or `name`.xlsx, or None if `asked` is neither "csv" nor "xlsx"."""
    make = FORMATS.get(asked)
    if make is None:
        return None
    response = make([str(word) for word in header], ([harmless(cell) for cell in row] for row in rows))
    response["Content-Disposition"] = f'attachment; filename="{name}.{asked}"'
    return response


class _Echo:
    """What csv.writer writes to: the line itself is wanted."""

    def write(self, line: str) -> str:
        return line


def _csv(header: Row, rows: Iterable[Row]) -> HttpResponseBase:
    def lines() -> Iterator[str]:
        writer = csv.writer(_Echo())
        yield "\ufeff"  # spreadsheets take it for Latin-1 otherwise
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow(row)

    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")


def _xlsx(header: Row, rows: Iterable[Row]) -> HttpResponseBase:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(header)
    for row in rows:
        sheet.append([_as_cell(cell) for cell in row])
    file = BytesIO()
    book.save(file)
    return HttpResponse(file.getvalue(), content_type=XLSX)


def _as_cell(cell: object) -> object:
    """openpyxl knows numbers, dates and texts; a UUID and the like become text."""
    return cell if isinstance(cell, int | float | Decimal | str | date) else str(cell)


FORMATS: dict[str, Callable[[Row, Iterable[Row]], HttpResponseBase]] = {"csv": _csv, "xlsx": _xlsx}
